"""Sealed secrets open only where they were sealed."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Misconfigured
from app.core.security import Sealer

MASTER = "a master key of more than thirty-two bytes"
NEWER = "a newer master key, also more than 32 bytes"
CLIENT, OTHER = uuid4(), uuid4()
ROW = uuid4()
PLACE = {"client_id": CLIENT, "table": "channel_configs", "column": "secret", "row": ROW}
SEALER = Sealer(MASTER)


@given(st.binary(max_size=2000))
def test_what_is_sealed_opens_in_its_place(secret: bytes) -> None:
    sealed = SEALER.seal(secret, **PLACE)  # type: ignore[arg-type] # mypy can't see into the dict.
    assert SEALER.unseal(sealed, **PLACE) == secret  # type: ignore[arg-type]
    assert len(secret) < 4 or secret not in sealed


@pytest.mark.parametrize(
    "moved",
    [
        {"client_id": OTHER},
        {"table": "clients"},
        {"column": "token"},
        {"row": uuid4()},
        {"table": "channel_configss", "column": "ecret"},
    ],
)
def test_a_value_moved_to_another_place_does_not_open(moved: dict[str, object]) -> None:
    sealed = SEALER.seal(b"secret", **PLACE)  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="altered or moved"):
        SEALER.unseal(sealed, **(PLACE | moved))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 5, 17, 32])
def test_a_cut_value_is_damaged(size: int) -> None:
    sealed = SEALER.seal(b"secret", **PLACE)  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="damaged"):
        SEALER.unseal(sealed[:size], **PLACE)  # type: ignore[arg-type]


def test_no_flipped_bit_goes_unnoticed() -> None:
    sealed = SEALER.seal(b"secret", **PLACE)  # type: ignore[arg-type]
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Misconfigured):
            SEALER.unseal(bytes(changed), **PLACE)  # type: ignore[arg-type]


def test_a_retired_key_still_opens_and_the_new_one_seals() -> None:
    old = SEALER.seal(b"secret", **PLACE)  # type: ignore[arg-type]
    rotated = Sealer(NEWER, MASTER)
    new = rotated.seal(b"secret", **PLACE)  # type: ignore[arg-type]
    assert rotated.unseal(old, **PLACE) == rotated.unseal(new, **PLACE) == b"secret"  # type: ignore[arg-type]
    assert (rotated.is_current(old), rotated.is_current(new)) == (False, True)
    with pytest.raises(Misconfigured, match="another WAFAA_MASTER_KEY"):
        SEALER.unseal(new, **PLACE)  # type: ignore[arg-type]


def test_the_same_secret_never_looks_the_same() -> None:
    assert len({SEALER.seal(b"secret", **PLACE) for _ in range(200)}) == 200  # type: ignore[arg-type]


def test_a_blind_index_is_the_same_for_one_client_and_purpose_only() -> None:
    index = SEALER.blind_index("+966501234567", CLIENT, "address")
    assert index == Sealer(MASTER).blind_index("+966501234567", CLIENT, "address")
    others = [
        SEALER.blind_index("+966501234568", CLIENT, "address"),
        SEALER.blind_index("+966501234567", OTHER, "address"),
        SEALER.blind_index("+966501234567", CLIENT, "name"),
        SEALER.blind_index("s+966501234567", CLIENT, "addres"),
        Sealer(NEWER).blind_index("+966501234567", CLIENT, "address"),
    ]
    assert len({index, *others}) == 6
    assert len(index) == 32


def test_an_index_key_is_no_sealing_key() -> None:
    index = SEALER.blind_index("", UUID(int=0), "")
    assert index not in SEALER.seal(b"", client_id=UUID(int=0), table="", column="", row="")


@pytest.mark.parametrize("keys", [("short",), (MASTER, "short")])
def test_a_short_key_is_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured, match="32 bytes"):
        Sealer(*keys)
