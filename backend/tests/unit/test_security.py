"""Passwords and guessing."""

import time

import pytest

from app.core.errors import RateLimited
from app.core.security import Attempts, LocalCounts, hash_password, verify_password


@pytest.mark.parametrize("password", ["correct horse", "كلمة سرّ طويلة", "🐪" * 60, "x" * 256])
async def test_a_password_is_recognised_and_another_is_not(password: str) -> None:
    stored = hash_password(password)
    assert stored.startswith("$argon2id$")
    assert password not in stored
    assert await verify_password(password, stored)
    assert not await verify_password(password + " ", stored)


async def test_two_spellings_of_a_letter_are_one_password() -> None:
    assert await verify_password("cafe\u0301", hash_password("caf\u00e9"))
    assert await verify_password("\ufef3\ufeee\ufee1", hash_password("\u064a\u0648\u0645"))


@pytest.mark.parametrize("stored", ["", "plain text", "$2b$12$abc", "$argon2id$v=19$m=1"])
async def test_what_is_no_hash_lets_nobody_in(stored: str) -> None:
    assert not await verify_password("nobody's password", stored)


async def test_an_unknown_account_costs_the_same_work() -> None:
    stored = hash_password("right")
    assert not await verify_password("nobody's password", None)
    known = min([await _seconds("wrong", stored) for _ in range(5)])
    unknown = min([await _seconds("wrong", None) for _ in range(5)])
    assert unknown > 0.5 * known


async def _seconds(password: str, stored: str | None) -> float:
    """CPU time, of whichever thread does it."""
    start = time.process_time()
    await verify_password(password, stored)
    return time.process_time() - start


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_five_attempts_in_any_quarter_of_an_hour_and_no_more() -> None:
    """Check 29: per account, whatever address it comes from."""
    clock = Clock()
    attempts = Attempts(LocalCounts(clock=clock))
    for clock.now in (0, 100, 200, 300, 400):
        await attempts.take("owner@cafe.example")
    with pytest.raises(RateLimited) as caught:
        await attempts.take("owner@cafe.example")
    assert caught.value.retry_after == 500
    await attempts.take("other@cafe.example")
    clock.now = 900
    await attempts.take("owner@cafe.example")
    with pytest.raises(RateLimited) as caught:
        await attempts.take("owner@cafe.example")
    assert caught.value.retry_after == 100


async def test_success_forgives() -> None:
    attempts = Attempts(LocalCounts(most=1))
    await attempts.take("owner@cafe.example")
    await attempts.forgive("owner@cafe.example")
    await attempts.take("owner@cafe.example")


async def test_trying_many_names_does_not_fill_the_memory() -> None:
    counts = LocalCounts(names=100)
    for n in range(1000):
        await counts.take(f"{n}@cafe.example")
    assert len(counts._made) == 100
