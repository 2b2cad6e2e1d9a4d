"""What is kept is made once, while it is used, and goes with its owner."""

from uuid import uuid4

from app.utils.kept import Kept


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_thing_is_made_once_and_forgotten_when_unused_crowded_out_or_with_its_owner() -> None:
    clock, made = Clock(), list[str]()
    kept, ours, theirs = Kept(2, 60.0, clock), uuid4().bytes, uuid4().bytes

    def ask(owner: bytes, key: str) -> str:
        return kept.once(owner, key, lambda: made.append(key) or key.upper())  # type: ignore[func-returns-value]

    assert [ask(ours, "a"), ask(ours, "a")] == ["A", "A"]
    assert made == ["a"]
    ask(theirs, "a")
    assert made == ["a", "a"], "Nobody gets what is somebody else's."
    ask(ours, "a")
    ask(ours, "b")
    ask(theirs, "a")
    assert made == ["a", "a", "b", "a"], "The one unused for longest makes room."
    kept.forget(theirs)
    ask(theirs, "a")
    assert made[4:] == ["a"]
    clock.now = 50.0
    ask(theirs, "a")
    clock.now = 70.0
    kept.tidy()
    ask(theirs, "a")
    ask(ours, "b")
    assert made[5:] == ["b"], "What was used lately stays."
