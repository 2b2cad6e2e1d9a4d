"""What sealing costs: one value, one message, and all that a turn on WhatsApp seals, opens and hashes.

CPU of this process alone, the least of several rounds: others' work only ever adds. The plain side does what the product
did before: the same values to and from JSON.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import orjson

from bench.lib import publish

from app.core.multi_tenant import TenantTx, Tx
from app.core.sealing import Cipher, Secret, place
from app.models import channel_config, conversation_event, usage
from app.models.client import ClientSettings, open_settings, seal_settings
from app.models.contact import address_key, seal_address, seal_name
from app.models.inbound_event import event_key
from app.models.knowledge_chunk import open_passage, seal_passage, term_key
from app.models.message import open_said, platform_key, seal_said
from app.utils.kept import Kept as Opened

GOALS = {
    "a turn, µs": "<= 50 more than plain",
    "1 KiB sealed and opened, µs": "<= 15",
    "a client's settings in a turn, µs": "<= 5",
}
TEXT = "Do you deliver to the airport, and what does it cost on a Friday evening? " * 2
REPLY = "Yes. Delivery to the airport costs 25 SAR until 22:00. [1] " * 3
CITED = [{"number": 1, "title": "Delivery", "quote": REPLY[:60], "url": None}]
TRACE = {
    "question": TEXT,
    "passages": [{"title": "Delivery", "text": REPLY, "score": 0.9}] * 6,
    "model": "extractive",
}
FIELDS = {"phone_number_id": "900100", "access_token": "EAAG" + "x" * 180, "verify_token": "verify"}
WAMID = "wamid.HBgMOTY2NTA1NTUwMTAxFQIAEhggQ0E5QjQ3"
HERE = place("bench", "value")


@dataclass
class Kept:
    """What a turn finds sealed: as another turn left it."""

    cipher: Cipher
    tx: TenantTx
    account: UUID
    passages: list[tuple[UUID, bytes]]
    fields: bytes
    name: bytes
    addresses: list[tuple[bytes, bytes]]


def kept() -> Kept:
    """A client with something in each table."""
    client, account = uuid4(), uuid4()
    cipher = Cipher(client, {1: Secret.new()}, 1)
    tx = TenantTx(Tx(None, client, cipher))  # type: ignore[arg-type]  # Nothing is asked of a database here.
    passages = [
        (id_, seal_passage(tx, id_, "Delivery", REPLY * 3, None, (REPLY,) * 3)) for id_ in _ids(12)
    ]
    fields = channel_config._FIELDS.seal(cipher, FIELDS, account)
    name = channel_config._NAME.seal(cipher, "WhatsApp", account)
    addresses = [seal_address(cipher, account, kind, "966505550101") for kind in ("bsuid", "phone")]
    return Kept(cipher, tx, account, [(i, p) for i, p in passages if p], fields, name, addresses)


def _ids(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


def turn(one: Kept) -> None:
    """Receive, answer and deliver one message, its session cached, without all that isn't sealing."""
    cipher, tx, message, reply = one.cipher, one.tx, uuid4(), uuid4()
    event_key(cipher, WAMID)
    for kind in ("bsuid", "phone"):
        seal_address(cipher, one.account, kind, "966505550101")
    seal_name(cipher, message, "Layla")
    said = seal_said(cipher, message, TEXT, {}, (), WAMID)
    platform_key(cipher, WAMID)
    open_said(cipher, message, said)
    for word in TEXT.split()[:14]:
        term_key(cipher, word)
    for id_, passage in one.passages:
        open_passage(cipher, id_, passage)
    seal_said(cipher, reply, REPLY, {}, CITED, None)
    conversation_event._DATA.seal(cipher, {"turn_id": str(reply)}, message, reply)
    usage._TRACE.seal(cipher, TRACE, reply)
    cached = cipher.seal(orjson.dumps([TEXT, REPLY]), HERE, b"session")
    cipher.open(cached, HERE, b"session")
    channel_config._FIELDS.open(cipher, one.fields, one.account)
    channel_config._NAME.open(cipher, one.name, one.account)
    open_said(cipher, message, said)
    address_key(cipher, "phone", "966505550101")
    platform_key(cipher, WAMID)


def plain_turn(one: Kept) -> None:
    """The same values, to and from JSON."""
    write, read = orjson.dumps, orjson.loads
    said = write((TEXT, {}, (), WAMID))
    for value in ("966505550101", "966505550101", "Layla", {"turn_id": str(one.account)}, TRACE):
        write(value, default=str)
    write((REPLY, {}, CITED, None))
    for told in ((TEXT, {}, ()), (REPLY, {}, CITED)):  # Events repeated their message.
        write(told)
    for _ in range(2):
        read(said)
    for _ in one.passages:
        read(write(("Delivery", None, REPLY * 3, (REPLY,) * 3)))
    read(write([TEXT, REPLY]))
    read(write(FIELDS))


def cost(work: Callable[[], object], rounds: int, count: int = 2000) -> float:
    """Microseconds of CPU a call, the least of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(count):
            work()
        best = min(best, (time.process_time() - began) / count * 1e6)
    return best


def settings_in_use(rounds: int) -> dict[str, float]:
    """What a turn pays for its client's settings: the first one in a process, every other one, and once, in clear."""
    known = Cipher(uuid4(), {1: Secret.new()}, 1, Opened(2_000, 60.0))
    unknown = Cipher(known.client_id, {1: Secret.new()}, 1)
    settings = ClientSettings(
        greeting={"ar": TEXT, "en": TEXT}, fallback=REPLY, handover_words=["agent", "manager"]
    )
    kept_, new = seal_settings(known, settings), seal_settings(unknown, settings)
    clear = orjson.dumps(settings.model_dump())
    return {
        "a client's settings in a turn, µs": cost(lambda: open_settings(known, bytes(bytearray(kept_))), rounds),
        "opened for the first time, µs": cost(lambda: open_settings(unknown, new), rounds),
        "read in clear, as before, µs": cost(lambda: ClientSettings.model_validate(orjson.loads(clear)), rounds),
    }  # fmt: skip


def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    one, kib, row = kept(), b"x" * 1024, uuid4().bytes
    id_ = uuid4()
    sealed = one.cipher.seal(kib, HERE, row)
    said = seal_said(one.cipher, id_, TEXT, {}, (), WAMID)
    with_, without = cost(lambda: turn(one), rounds, 300), cost(
        lambda: plain_turn(one), rounds, 300
    )
    publish(
        Path(__file__).parent,
        {
            "race": "P19 sealing",
            "goals": GOALS,
            "figures": {
                "1 KiB sealed and opened, µs": cost(lambda: one.cipher.seal(kib, HERE, row), rounds)
                + cost(lambda: one.cipher.open(sealed, HERE, row), rounds),
                "a message sealed, µs": cost(
                    lambda: seal_said(one.cipher, id_, TEXT, {}, (), WAMID), rounds
                ),
                "a message opened, µs": cost(lambda: open_said(one.cipher, id_, said), rounds),
                "a keyed hash, µs": cost(
                    lambda: one.cipher.index("966505550101", "address"), rounds
                ),
                "a turn, µs": with_,
                "the same turn in clear, µs": without,
                "sealing's part of a turn, µs": with_ - without,
                **settings_in_use(rounds),
            },
        },
    )


if __name__ == "__main__":
    main()
