"""Three clients with one of everything, and words planted in it that nobody else may ever read."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from app.bootstrap import owner_url
from app.core.security import RIGHTS, Principal, Role, Tokens
from app.models.access_grant import AccessGrant
from app.models.attachment import Attachment
from app.models.audit import AuditEntry
from app.models.channel_config import ChannelConfig
from app.models.contact import Contact
from app.models.conversation import Conversation
from app.models.conversation_event import ConversationEvent
from app.models.export import Export
from app.models.inbound_event import InboundEvent
from app.models.job import ERROR, Job
from app.models.message import Author, NewMessage
from app.models.staff import Staff
from app.models.usage import AnswerTrace, UsageRecord
from app.services.identity import api_keys, applications, sessions
from app.services.orchestrator import accounts
from app.services.orchestrator.events import say
from tests.fixtures.product import Business, Product

QUESTION = "What is the password of the house?"
STAFF = (Role.OWNER, Role.AGENT, Role.VIEWER, Role.PLATFORM)
CONTACTS = 3
FRESH_SECONDS = 600.0

Credential = Callable[[], tuple[tuple[str, str], ...]]
"""The headers that prove a caller. Asked for with every request, so that tokens can be renewed."""

TOUCHED = ("last_used_at", "last_seen_at")
"""Columns that say when somebody came: coming changes nothing else."""

KINDS = {
    "channel_config": "account", "knowledge_document": "document", "knowledge_source": "source",
    "knowledge_chunk": "chunk", "audit_log": "audit", "staff_session": "session",
    "api_key": "key", "oauth_application": "application",
}  # fmt: skip
"""What paths call the rows of a table, where it isn't the table's name."""


@dataclass
class House:
    """One client, with what is to be kept from the others.

    Attributes:
        secret: Stands in every text of it.
        public: Stands in its name and slug, which its hosted page and whoever runs the installation may read.
        ids: Every id of it that the database knows.
        objects: Some ids of each kind, to be named in others' requests.
        texts: What else names something of it: slugs, keys, numbers, e-mail addresses, tokens.
        callers: Everybody who may call in its name, with what proves them. Whoever is added here attacks and is
            attacked like the others.
    """

    business: Business
    secret: bytes
    public: bytes
    ids: frozenset[str] = frozenset()
    objects: dict[str, tuple[str, ...]] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    number: str = ""
    callers: dict[str, Credential] = field(default_factory=dict)
    conversation: str = ""
    reply: str = ""

    @property
    def id(self) -> str:
        """The client's id."""
        return str(self.business.ref.id)


@dataclass
class World:
    """The houses, and the owner of the tables, whom no policy binds."""

    product: Product
    owner: "asyncpg.Connection[asyncpg.Record]"
    houses: list[House]
    columns: dict[str, str]
    readable: frozenset[str] = frozenset()
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def owner_says(self, sql: str, *args: object) -> Any:
        """One value, as the owner of the tables sees it; one question at a time."""
        async with self.turn:
            return await self.owner.fetchval(sql, *args)

    async def sums(self) -> dict[tuple[str, str], str]:
        """A checksum of each table's rows for each client."""
        found: dict[tuple[str, str], str] = {}
        for table, column in self.columns.items():
            for row in await self.owner.fetch(
                f"SELECT {column} AS client, md5(string_agg(row, '' ORDER BY row)) AS sum FROM "
                f"(SELECT {column}, md5((to_jsonb(t) - $1::text[])::text) AS row FROM {table} t) AS rows GROUP BY 1",
                TOUCHED,
            ):
                found[str(row["client"]), table] = row["sum"]
        return found

    async def unfenced(self) -> list[str]:
        """Tables in which a client's transaction, or one that is nobody's, sees what isn't its own."""
        db, found = self.product.services.db, []
        fenced = {t: c for t, c in self.columns.items() if t in self.readable}
        for house in self.houses:
            async with db.tenant(house.business.ref.id) as tx:
                for table, column in fenced.items():
                    if await tx.value(
                        f"SELECT EXISTS (SELECT FROM {table} WHERE {column} <> $1)",
                        house.business.ref.id,
                    ):
                        found.append(table)
        async with db.directory() as nobody:
            for table in fenced:
                if await nobody.value(f"SELECT EXISTS (SELECT FROM {table})"):
                    found.append(f"{table} (directory)")
        return found

    async def note_ids(self) -> None:
        """Reads the ids of all that is there now."""
        columns = await self.owner.fetch(
            "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns "
            "WHERE data_type = 'uuid' AND table_schema || '.' || table_name = ANY($1::text[])",
            list(self.columns),
        )
        for house in self.houses:
            ids: set[str] = set()
            for table, column in columns:
                rows = await self.owner.fetch(
                    f"SELECT DISTINCT {column} AS id FROM {table} WHERE {self.columns[table]} = $1",
                    house.business.ref.id,
                )
                ids |= {str(row["id"]) for row in rows if row["id"]}
            house.ids = frozenset(ids)


async def build(product: Product, **of_clients: Any) -> World:
    """Makes the world, its clients with these settings. Close ``owner`` when it ends."""
    owner = await asyncpg.connect(
        owner_url(product.services.settings).replace("postgresql+asyncpg:", "postgresql:")
    )
    rows = await owner.fetch(
        "SELECT table_schema || '.' || table_name AS name, column_name FROM information_schema.columns "
        "WHERE table_schema IN ('public', 'vault') AND data_type = 'uuid' "
        "AND (column_name = 'client_id' OR (table_name = 'clients' AND column_name = 'id'))"
    )
    readable = await owner.fetch(
        "SELECT 'public.' || relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'p') AND has_table_privilege('wafaa_app', oid, 'SELECT')"
    )
    tables = {row["name"]: row["column_name"] for row in rows}
    houses = [
        await _house(product, name, number, **of_clients)
        for number, name in enumerate(("alpha", "bravo", "charl"))
    ]
    world = World(product, owner, houses, tables, frozenset(row["name"] for row in readable))
    await product.services.worker.drain()
    for house in houses:
        await _furnish(world, house)
    await world.note_ids()
    return world


async def _house(product: Product, name: str, number: int, **of_clients: Any) -> House:
    secret, public = f"qzs{name}", f"qzp{name}"
    document = f"# The house\n\nThe password of the house is {secret}. It never changes.\n"
    business = await product.business(
        public,
        f"The shop {public}",
        documents={f"{secret}.md": document},
        greeting={"en": f"Welcome to {public}."},
        handover_words=[f"{secret}help"],
        handover_email=f"help@{secret}.example",
        **of_clients,
    )
    return House(business, secret.encode(), public.encode(), number=f"550000{number}")


async def _furnish(world: World, house: House) -> None:
    services, secret = world.product.services, house.secret.decode()
    async with services.db.tenant(house.business.ref.id) as tx:
        staff = {
            role: await Staff.add(tx, f"{role}@{secret}.example", f"{role} {secret}", role, "none")
            for role in STAFF
        }
        fields = {"phone_number_id": house.number, "access_token": f"t{secret}", "verify_token": f"v{secret}",
                  "app_secret": f"app-secret-of-{secret}"}  # fmt: skip
        await accounts.connect(
            tx, services.channels, "whatsapp", f"Number of {secret}", fields, actor="test"
        )
        account = (await ChannelConfig.of_kind(tx, "web"))[0].id
        made = [await _contact(tx, account, secret, staff[Role.AGENT], n) for n in range(CONTACTS)]
        lane = UUID(made[0]["conversation"])
        await sessions.begin(tx, staff[Role.OWNER], device=secret)
        await AccessGrant.ask(tx, staff[Role.PLATFORM], f"Noor {secret}", f"Because {secret}", 1)
        job = await Job.add(
            tx, lane_id=lane, queue="none", kind="answer_message", payload={"note": secret}
        )
        error = ERROR.put(tx, secret, job)
        await tx.run("UPDATE jobs SET state = 'parked', error = $2 WHERE id = $1", job, error)
        await tx.run("UPDATE lanes SET due_at = NULL WHERE id = $1", lane)
        await InboundEvent.keep(tx, account, f"key-{secret}", "quarantined", {"text": secret})
        wish = api_keys.Wish(f"Key of {secret}", RIGHTS[Role.OWNER])
        owner = staff[Role.OWNER]
        key = await api_keys.create(tx, wish, staff_id=owner, role=Role.OWNER, actor=str(owner))
        granted = applications.Wish(f"Application of {secret}", RIGHTS[Role.SERVICE])
        application = await applications.create(tx, granted, actor=str(owner))
        await Export.add(tx, None, str(owner))
        await AuditEntry.add(tx, f"actor {secret}", "test.planted", secret, {"note": secret})
    house.conversation, house.reply = made[0]["conversation"], made[0]["reply"]
    _introduce(world, house, staff, made[0]["contact"], account)
    made_application = await applications.find(services.db, str(application.row.id))
    assert made_application
    issued = await services.authority.by_itself(made_application, None)
    house.callers["application"] = lambda: (("Authorization", f"Bearer {issued.access_token}"),)
    house.callers["key"] = lambda: (("Authorization", f"Bearer {key.key}"),)
    await _name(world, house, made, str(job))


async def _contact(tx: Any, account: UUID, secret: str, agent: UUID, number: int) -> dict[str, str]:
    """A contact who asked, and was answered by the assistant and by an agent."""
    contact = await Contact.resolve(
        tx, account, [("visitor", f"{secret}-{number}")], f"Contact {secret}"
    )
    conversation = await Conversation.current(tx, account, contact)
    ids = {"contact": str(contact), "conversation": str(conversation)}
    for author in Author:
        new = NewMessage(
            conversation, author, f"{author} says {secret}", "en", platform_message_id=f"{secret}-{author}-{number}",
            staff_id=agent if author is Author.AGENT else None,
            citations=[{"number": 1, "title": secret, "quote": secret, "url": None}],
        )  # fmt: skip
        await say(tx, new, "message.created")
        ids["reply" if author is Author.ASSISTANT else str(author) + "_message"] = str(new.id)
    reply = UUID(ids["reply"])
    await Attachment.add(tx, reply, "image", url=f"https://{secret}.example/x", filename=secret)
    await AnswerTrace.add(tx, reply, {"question": secret})
    await UsageRecord.add(tx, reply, f"model-{secret}", (1, 1), 1)
    await ConversationEvent.append(tx, conversation, "handover.requested", {"reason": secret})
    await Conversation.want_human(tx, conversation, secret)
    return ids


def _introduce(
    world: World, house: House, staff: dict[Role, UUID], contact: str, account: UUID
) -> None:
    """Who calls for this client."""
    client, tokens = house.business.ref.id, world.product.services.tokens
    principals = [Principal(str(id_), client, role) for role, id_ in staff.items()]
    visitor = Principal(
        f"{house.secret.decode()}-0", client, Role.VISITOR, contact_id=UUID(contact),
        conversation_id=UUID(house.conversation), account_id=account,
    )  # fmt: skip
    service = Principal(f"service-{house.secret.decode()}", client, Role.SERVICE)
    for principal in (*principals, visitor, service):
        house.callers[str(principal.role)] = _bearer(tokens, principal)


def _bearer(tokens: Tokens, principal: Principal) -> Credential:
    """An access token, renewed before it expires."""
    made: float = -2 * FRESH_SECONDS
    headers: tuple[tuple[str, str], ...] = ()

    def shown() -> tuple[tuple[str, str], ...]:
        nonlocal made, headers
        if time.monotonic() - made > FRESH_SECONDS:
            made = time.monotonic()
            headers = (("Authorization", f"Bearer {tokens.issue(principal)}"),)
        return headers

    return shown


async def _name(world: World, house: House, made: Sequence[dict[str, str]], job: str) -> None:
    """What others will ask for."""

    rows = {
        table: await world.owner.fetch(
            f"SELECT id::text FROM {table} WHERE {column} = $1 ORDER BY id LIMIT 5",
            house.business.ref.id,
        )
        for table, column in (await _with_ids(world)).items()
    }
    house.objects = {
        _kind(table): tuple(row["id"] for row in found) for table, found in rows.items()
    } | {
        "conversation": tuple(one["conversation"] for one in made),
        "message": tuple(one["reply"] for one in made),
        "contact": tuple(one["contact"] for one in made),
        "said": tuple(one["contact_message"] for one in made),
        "job": (job,),
    }
    ref = house.business.ref
    secret = house.secret.decode()
    house.texts = (
        ref.slug, house.business.channel_key, house.number, f"key-{secret}", f"owner@{secret}.example",
        f"{secret}-0", f"{secret}.md",
    )  # fmt: skip


async def _with_ids(world: World) -> dict[str, str]:
    """The tables whose rows have ids of their own, with the column of their client."""
    rows = await world.owner.fetch(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.columns "
        "WHERE column_name = 'id' AND data_type = 'uuid'"
    )
    return {row["name"]: world.columns[row["name"]] for row in rows if row["name"] in world.columns}


def _kind(table: str) -> str:
    """What paths call a table's rows: ``conversations`` are found at ``{conversation_id}``."""
    one = table.rpartition(".")[2].removesuffix("s")
    return KINDS.get(one, one)
