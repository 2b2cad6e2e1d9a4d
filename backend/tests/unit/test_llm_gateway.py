"""The gateway asks in order of preference, past whoever fails, and never starts anew once something was released."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest

from app.core.errors import RateLimited, UpstreamRefused, UpstreamUnavailable, WafaaError
from app.core.resilience import LocalBreaker
from app.core.shared import circuit_of
from app.services.ai.base import Chunk, Completion, Persona, Prompt, Provider, Question, Tokens
from app.services.ai.llm_gateway import LLMGateway, Piece
from app.services.ai.prompt_manager import build
from app.services.ai.providers.openai import Config
from app.services.knowledge.base import Passage


@dataclass
class Scripted:
    """A provider that says its pieces, then fails or completes."""

    name: str
    region: str = "us"
    pieces: tuple[str, ...] = ("A latte ", "costs 18 SAR.")
    error: WafaaError | None = None
    asked: list[Prompt] = field(default_factory=list)
    closed: int = 0
    ends_silently: bool = False

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.append(prompt)
        if self.error:
            raise self.error
        return self._completion()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self.asked.append(prompt)
        try:
            for piece in self.pieces:
                yield Chunk(piece)
            if self.error:
                raise self.error
            if not self.ends_silently:
                yield Chunk(completion=self._completion())
        finally:
            self.closed += 1

    def _completion(self) -> Completion:
        return Completion("".join(self.pieces), f"{self.name}-1", Tokens(10, 5))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def down(name: str, error: WafaaError | None = None) -> Scripted:
    return Scripted(name, pieces=(), error=error or UpstreamUnavailable())


def gateway(*providers: Provider, clock: Clock | None = None) -> LLMGateway:
    clock = clock or Clock()
    return LLMGateway(providers, breaker=LocalBreaker(clock=clock), clock=clock, seconds=12)


@pytest.fixture
def prompt() -> Prompt:
    known = [Passage(uuid4(), uuid4(), "Menu", "A latte costs 18 SAR.", "en", 1.0)]
    return build(Question("A latte?", "en", Persona("Café")), known)


async def pieces(gateway: LLMGateway, prompt: Prompt, allowed: tuple[str, ...] = ()) -> list[Piece]:
    return [piece async for piece in gateway.stream(prompt, allowed=allowed)]


async def test_one_accounts_failures_do_not_open_anothers_circuit(prompt: Prompt) -> None:
    """Each installation's credential has a circuit of its own, where all know of each other's."""
    configs = [
        Config.model_validate({"api_key": key}) for key in ("sk-first", "sk-second", "sk-first")
    ]
    first, second, again = (circuit_of("openai", config) for config in configs)
    assert first == again != second
    assert "sk-" not in first + second
    breaker = LocalBreaker(clock=Clock())
    bad, good = down("openai"), Scripted("openai")

    def asks(provider: Scripted, circuit: str) -> LLMGateway:
        circuits = {"openai": circuit}
        last = Scripted("extractive")
        return LLMGateway((provider, last), breaker=breaker, circuits=circuits, seconds=12)

    for _ in range(4):
        reply = await asks(bad, first).complete(prompt)
    assert (reply.attempts[0].error, len(bad.asked)) == ("circuit_open", 3)
    reply = await asks(good, second).complete(prompt)
    assert (reply.attempts[0].error, len(good.asked)) == (None, 1)


async def test_the_first_that_answers_is_the_last_that_is_asked(prompt: Prompt) -> None:
    first, second = Scripted("openai"), Scripted("anthropic")
    reply = await gateway(first, second).complete(prompt)
    assert reply.completion.text == "A latte costs 18 SAR."
    assert reply.tokens == Tokens(10, 5)
    assert [(a.provider, a.error) for a in reply.attempts] == [("openai", None)]
    assert second.asked == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamUnavailable(), "upstream_unavailable"),
        (UpstreamRefused(), "upstream_refused"),
        (RateLimited(retry_after=3), "rate_limited"),
    ],
)
async def test_a_failure_goes_to_the_next_in_order(
    prompt: Prompt, error: WafaaError, code: str
) -> None:
    first, second, third = down("openai", error), Scripted("anthropic"), Scripted("extractive")
    found = await pieces(gateway(first, second, third), prompt)
    reply = found[-1].reply
    assert reply is not None
    assert [(a.provider, a.error) for a in reply.attempts] == [
        ("openai", code),
        ("anthropic", None),
    ]
    assert "".join(piece.text for piece in found) == "A latte costs 18 SAR."
    assert {piece.provider for piece in found} == {"anthropic"}
    assert len(first.asked) == 1
    assert third.asked == []


async def test_all_share_one_deadline(prompt: Prompt) -> None:
    first, second = down("openai"), Scripted("anthropic")
    await gateway(first, second).complete(prompt)
    assert first.asked[0].deadline is not None
    assert first.asked[0].deadline == second.asked[0].deadline
    given = gateway(Scripted("openai")).deadline()
    third = Scripted("openai")
    await gateway(third).complete(replace(prompt, deadline=given))
    assert third.asked[0].deadline is given


async def test_after_the_first_released_words_nobody_else_is_asked(prompt: Prompt) -> None:
    first, second = Scripted("openai", pieces=("A latte ",), error=UpstreamUnavailable()), Scripted(
        "anthropic"
    )
    told = []
    with pytest.raises(UpstreamUnavailable):
        async for piece in gateway(first, second).stream(prompt):
            told.append(piece.text)
    assert told == ["A latte "]
    assert second.asked == []


async def test_a_stream_that_just_ends_is_a_failure(prompt: Prompt) -> None:
    first, second = Scripted("openai", pieces=(), ends_silently=True), Scripted("anthropic")
    found = await pieces(gateway(first, second), prompt)
    assert found[-1].reply is not None
    assert found[-1].reply.attempts[0].error == "upstream_unavailable"


async def test_when_nobody_answers_the_last_error_is_told(prompt: Prompt) -> None:
    with pytest.raises(RateLimited):
        await gateway(down("openai"), down("anthropic", RateLimited())).complete(prompt)
    with pytest.raises(UpstreamUnavailable):
        await gateway().complete(prompt)


async def test_a_client_s_choice_keeps_others_from_its_data_but_never_the_built_in_one(
    prompt: Prompt,
) -> None:
    openai, anthropic, extractive = Scripted("openai"), down("anthropic"), Scripted("extractive")
    found = await pieces(gateway(openai, anthropic, extractive), prompt, ("anthropic",))
    assert {piece.provider for piece in found} == {"extractive"}
    assert openai.asked == []
    assert len(anthropic.asked) == 1


async def test_a_provider_that_keeps_failing_is_not_asked_for_a_while(prompt: Prompt) -> None:
    clock = Clock()
    first, second = down("openai"), Scripted("anthropic")
    asking = gateway(first, second, clock=clock)
    for _ in range(5):
        reply = await asking.complete(prompt)
    assert len(first.asked) == 3
    assert reply.attempts[0].error == "circuit_open"
    clock.now += 10
    await asking.complete(prompt)
    await asking.complete(prompt)
    assert len(first.asked) == 4  # One probe.


@pytest.mark.parametrize("whole", [True, False])
async def test_a_provider_that_recovers_is_asked_again(prompt: Prompt, whole: bool) -> None:
    clock = Clock()
    first, second = down("openai"), Scripted("anthropic")
    asking = gateway(first, second, clock=clock)
    for _ in range(3):
        await asking.complete(prompt)
    first.error = None
    clock.now += 10
    for _ in range(4):
        _ = await asking.complete(prompt) if whole else await pieces(asking, prompt)
    assert len(first.asked) == 7


async def test_success_forgets_the_failures_before_it(prompt: Prompt) -> None:
    first, second = Scripted("openai"), Scripted("anthropic")
    asking = gateway(first, second)
    for error in (UpstreamUnavailable(), UpstreamUnavailable(), None) * 3:
        first.error = error
        await asking.complete(prompt)
    assert len(first.asked) == 9


async def test_a_429_pauses_for_as_long_as_it_asks(prompt: Prompt) -> None:
    clock = Clock()
    first, second = down("openai", RateLimited(retry_after=30)), Scripted("anthropic")
    asking = gateway(first, second, clock=clock)
    await asking.complete(prompt)
    clock.now += 29
    await asking.complete(prompt)
    assert len(first.asked) == 1
    clock.now += 1
    await asking.complete(prompt)
    assert len(first.asked) == 2


async def test_who_stops_listening_closes_the_stream_and_blames_nobody(prompt: Prompt) -> None:
    first = Scripted("openai")
    asking = gateway(first)
    for _ in range(5):
        stream = asking.stream(prompt)
        await anext(stream)
        await stream.aclose()
    assert first.closed == 5
    assert (await asking.complete(prompt)).completion.model == "openai-1"
