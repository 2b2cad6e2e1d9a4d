"""What is left undone at which age, and that a level isn't left the moment it was reached."""

import pytest

from app.core.errors import Misconfigured
from app.core.shedding import Shed, Steps

STEPS = Steps.parse("5,10,15,30,60")


@pytest.mark.parametrize(
    ("age", "level"),
    [
        (0, Shed.NOTHING),
        (4.9, Shed.NOTHING),
        (5, Shed.ANALYTICS),
        (10, Shed.INDEXING),
        (15, Shed.PROACTIVE),
        (30, Shed.REPLIES),
        (60, Shed.INTAKE),
        (9_999, Shed.INTAKE),
    ],
)
def test_the_older_the_oldest_message_the_more_is_left_undone(age: float, level: Shed) -> None:
    assert STEPS.level(Shed.NOTHING, age) == level


@pytest.mark.parametrize(
    ("before", "age", "level"),
    [
        (Shed.INTAKE, 31, Shed.INTAKE),
        (Shed.INTAKE, 29, Shed.REPLIES),
        (Shed.REPLIES, 16, Shed.REPLIES),
        (Shed.REPLIES, 14, Shed.PROACTIVE),
        (Shed.ANALYTICS, 2.5, Shed.ANALYTICS),
        (Shed.ANALYTICS, 2.4, Shed.NOTHING),
        (Shed.INTAKE, 0, Shed.NOTHING),
        (Shed.ANALYTICS, 31, Shed.REPLIES),
    ],
)
def test_a_level_is_left_at_half_its_age(before: Shed, age: float, level: Shed) -> None:
    assert STEPS.level(before, age) == level


@pytest.mark.parametrize(
    "text", ["", "5,10,15,30", "5,10,10,30,60", "60,30,15,10,5", "0,1,2,3,4", "a,b,c,d,e"]
)
def test_steps_are_five_rising_numbers(text: str) -> None:
    with pytest.raises(Misconfigured):
        Steps.parse(text)
