"""A trap springs at the step that it was set for, and at none from before."""

from tests.fixtures.wire import Steps, Trap


def test_an_answer_to_a_step_from_before_springs_no_trap() -> None:
    steps, sprung = Steps(), list[str]()
    before = steps.pass_by("record")
    steps.forget()
    steps.trap = Trap(before, after=True, spring=lambda: sprung.append("now"))
    assert not steps.springs(before, after=True)
    steps.take_back(before)
    now = steps.pass_by("record")
    assert now == before
    assert not steps.springs(before, after=True)
    assert sprung == []
    assert steps.springs(now, after=True)
    assert sprung == ["now"]
