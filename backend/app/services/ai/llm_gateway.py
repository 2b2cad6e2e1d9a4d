"""One way to any language model: in order of preference, past the ones that fail, within one deadline."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from app.core.errors import (
    CircuitOpen,
    RateLimited,
    UpstreamRefused,
    UpstreamUnavailable,
    WafaaError,
)
from app.core.permits import ANYWHERE, Permit
from app.core.resilience import Breaker, Deadline, LocalBreaker
from app.services.ai.base import Chunk, Completion, Prompt, Provider, Tokens

log = structlog.get_logger(__name__)

_BUILT_IN = "extractive"
_FAILURES = (RateLimited, UpstreamRefused, UpstreamUnavailable)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a provider; ``error`` is our code where it failed."""

    provider: str
    milliseconds: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion, and how it came about."""

    completion: Completion
    attempts: tuple[Attempt, ...]

    @property
    def tokens(self) -> Tokens:
        """What it cost."""
        return self.completion.tokens


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a streamed reply and who says it; the last one carries ``reply``."""

    text: str = ""
    provider: str = ""
    reply: Reply | None = None


class LLMGateway:
    """Asks providers. A failure goes to the next one at once: no provider is asked twice for the same answer."""

    def __init__(
        self,
        providers: Sequence[Provider],
        *,
        breaker: Breaker | None = None,
        circuits: Mapping[str, str] | None = None,
        seconds: float = 12.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepares the way.

        Args:
            providers: In order of preference.
            breaker: Remembers who fails.
            circuits: What fails together, by a provider's name: the provider with the credential it is asked with.
            seconds: By when an answer must be there.
            clock: Monotonic seconds.
        """
        self._providers = providers
        self._breaker = breaker or LocalBreaker(clock=clock)
        self._circuits = circuits or {}
        self._seconds = seconds
        self._clock = clock

    def deadline(self) -> Deadline:
        """By when an answer that is begun now must be there, whoever writes it and however often."""
        return Deadline.after(self._seconds, self._clock)

    async def complete(self, prompt: Prompt, *, allowed: Sequence[str] = ()) -> Reply:
        """Answers at once.

        Args:
            prompt: What to ask.
            allowed: Names of providers that may see it; all when empty. The built-in one, which sends nothing
                anywhere, always may.

        Raises:
            UpstreamUnavailable: Nobody answered.
        """
        async with aclosing(self.stream(prompt, allowed=allowed, whole=True)) as pieces:
            async for piece in pieces:
                if piece.reply:
                    return piece.reply
        raise UpstreamUnavailable("No model answered.")

    async def stream(
        self,
        prompt: Prompt,
        *,
        allowed: Sequence[str] = (),
        permit: Permit = ANYWHERE,
        whole: bool = False,
    ) -> AsyncGenerator[Piece, None]:
        """Answers piece by piece; fails over only before the first piece. Nobody outside the permit is asked.

        Raises:
            UpstreamUnavailable: Nobody answered, or a stream broke off after it had begun.
        """
        prompt = replace(prompt, deadline=prompt.deadline or self.deadline())
        attempts: list[Attempt] = []
        last: WafaaError | None = None
        for provider in self._choice(allowed, permit):
            began, released = self._clock(), False
            try:
                async with aclosing(self._asked(provider, prompt, whole=whole)) as chunks:
                    async for chunk in chunks:
                        released = released or bool(chunk.text)
                        if chunk.completion:
                            attempts.append(Attempt(provider.name, self._since(began)))
                            reply = Reply(chunk.completion, tuple(attempts))
                            yield Piece(chunk.text, provider.name, reply)
                            return
                        yield Piece(chunk.text, provider.name)
                raise UpstreamUnavailable(f"{provider.name} ended without an answer.")
            except _FAILURES as error:
                attempts.append(Attempt(provider.name, self._since(began), error.code))
                log.warning("model_failed", provider=provider.name, code=error.code)
                if released:
                    raise
                last = error
        raise last or UpstreamUnavailable("No model is allowed to answer.")

    def _choice(self, allowed: Sequence[str], permit: Permit) -> list[Provider]:
        return [
            p
            for p in self._providers
            if permit.admits(p.region) and (not allowed or p.name in allowed or p.name == _BUILT_IN)
        ]

    def _since(self, began: float) -> int:
        return round((self._clock() - began) * 1000)

    def _asked(
        self, provider: Provider, prompt: Prompt, *, whole: bool
    ) -> AsyncGenerator[Chunk, None]:
        """One provider; the built-in one fails with us alone, and needs no circuit that others know of."""
        if provider.name == _BUILT_IN:
            return _chunks(provider, prompt, whole=whole)
        return self._ask(provider, prompt, whole=whole)

    async def _ask(
        self, provider: Provider, prompt: Prompt, *, whole: bool
    ) -> AsyncGenerator[Chunk, None]:
        """One provider, behind its circuit."""
        key = self._circuits.get(provider.name, provider.name)
        if not await self._breaker.admits(key):
            raise CircuitOpen
        settled = False
        try:
            async with aclosing(_chunks(provider, prompt, whole=whole)) as chunks:
                async for chunk in chunks:
                    if chunk.completion:
                        await self._breaker.succeeded(key)
                        settled = True
                    yield chunk
        except RateLimited as error:
            await self._breaker.failed(key, error.retry_after)
            settled = True
            raise
        except (UpstreamUnavailable, UpstreamRefused):
            await self._breaker.failed(key)
            settled = True
            raise
        finally:
            if not settled:
                await self._breaker.released(key)


def _chunks(provider: Provider, prompt: Prompt, *, whole: bool) -> AsyncGenerator[Chunk, None]:
    return _completed(provider, prompt) if whole else provider.stream(prompt)


async def _completed(provider: Provider, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
    yield Chunk(completion=await provider.complete(prompt))
