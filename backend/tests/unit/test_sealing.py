"""What is sealed opens only where it was sealed."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Unavailable, Unreadable
from app.core.sealing import Cipher, Secret, place
from app.models import sealed

CLIENT, ROW = uuid4(), bytes(range(16))
FIRST = Secret.new()
SECOND = FIRST.next()
CIPHER = Cipher(CLIENT, {1: FIRST}, 1)
PLACE = place("messages", "said")


@given(st.binary(max_size=2000))
def test_what_is_sealed_opens_in_its_place(value: bytes) -> None:
    kept = CIPHER.seal(value, PLACE, ROW)
    assert CIPHER.open(kept, PLACE, ROW) == value
    assert len(value) < 4 or value not in kept


@pytest.mark.parametrize(
    ("where", "row"),
    [
        (place("messages", "feedback"), ROW),
        (place("contacts", "said"), ROW),
        (place("message", "ssaid"), ROW),
        (PLACE, bytes(range(1, 17))),
        (PLACE, ROW + b"\0"),
    ],
)
def test_a_value_moved_to_another_place_does_not_open(where: bytes, row: bytes) -> None:
    kept = CIPHER.seal(b"hello", PLACE, ROW)
    with pytest.raises(Unreadable):
        CIPHER.open(kept, where, row)


def test_a_value_moved_to_another_client_does_not_open() -> None:
    kept = CIPHER.seal(b"hello", PLACE, ROW)
    for secret in (FIRST, Secret.new()):
        with pytest.raises(Unreadable):
            Cipher(uuid4(), {1: secret}, 1).open(kept, PLACE, ROW)


def test_no_flipped_bit_and_no_missing_byte_goes_unnoticed() -> None:
    kept = CIPHER.seal(b"hello", PLACE, ROW)
    for bit in range(len(kept) * 8):
        changed = bytearray(kept)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Unreadable, Unavailable)):
            CIPHER.open(bytes(changed), PLACE, ROW)
    for size in range(len(kept)):
        with pytest.raises(Unreadable):
            CIPHER.open(kept[:size], PLACE, ROW)


def test_an_older_version_still_opens_and_the_newest_seals() -> None:
    both = Cipher(CLIENT, {1: FIRST, 2: SECOND}, 2)
    old, new = CIPHER.seal(b"hello", PLACE, ROW), both.seal(b"hello", PLACE, ROW)
    assert both.open(old, PLACE, ROW) == both.open(new, PLACE, ROW) == b"hello"
    assert (both.is_current(old), both.is_current(new)) == (False, True)


def test_what_a_newer_version_sealed_is_asked_for_again_and_what_a_gone_one_sealed_is_lost() -> (
    None
):
    new = Cipher(CLIENT, {2: SECOND}, 2)
    with pytest.raises(Unavailable):
        CIPHER.open(new.seal(b"hello", PLACE, ROW), PLACE, ROW)
    with pytest.raises(Unreadable):
        new.open(CIPHER.seal(b"hello", PLACE, ROW), PLACE, ROW)


def test_the_same_value_never_looks_the_same() -> None:
    assert len({CIPHER.seal(b"hello", PLACE, ROW) for _ in range(200)}) == 200


def test_a_look_up_value_is_the_same_for_one_client_and_purpose_only_and_outlives_rotation() -> (
    None
):
    index = CIPHER.index("+966501234567", "address")
    assert index == Cipher(CLIENT, {1: FIRST, 2: SECOND}, 2).index("+966501234567", "address")
    others = {
        CIPHER.index("+966501234568", "address"),
        CIPHER.index("+966501234567", "name"),
        Cipher(uuid4(), {1: Secret.new()}, 1).index("+966501234567", "address"),
    }
    assert len({index, *others}) == 4
    assert len(index) == 16


def test_a_secret_does_not_show_itself() -> None:
    assert repr(FIRST) == "Secret()"


def test_rows_with_several_keys_do_not_run_into_each_other() -> None:
    assert sealed.row_of(("ab", "c")) != sealed.row_of(("a", "bc"))
    assert len({(c.table, c.column) for c in sealed.SEALED}) == len(sealed.SEALED)


def test_a_packed_value_is_smaller_and_opens_as_does_what_was_written_before() -> None:
    plain, packed = (
        sealed.SealedColumn("answer_traces", "trace", "message_id", packed=on)
        for on in (False, True)
    )
    del sealed.SEALED[-2:]
    row = uuid4()
    trace = {
        "passages": [{"text": "القهوة البيضاء بثمانية عشر ريالا", "score": n} for n in range(20)]
    }
    before, now = plain.seal(CIPHER, trace, row), packed.seal(CIPHER, trace, row)
    assert len(now) < len(before) / 4
    assert packed.open(CIPHER, before, row) == packed.open(CIPHER, now, row) == trace
    assert packed.written(CIPHER, now, row) == plain.written(CIPHER, before, row)
