"""The baseline: what a competent engineer would write in a day with FastAPI and SQLAlchemy's ORM.

It is ours, written to be fair: asynchronous, pooled, indexed, one transaction a webhook, select-then-insert for
de-duplication, Pydantic models for every body, the answer made in a background task. No row-level security, no
lanes, no leases, no event log, no grounding checks. With NAIVE_MODEL_URL it has the question embedded, searches by
pgvector, and asks a chat model: by aiohttp and hand or, with NAIVE_SDK, by OpenAI's own client, as most would.
"""

import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import UserDefinedType

engine = create_async_engine(os.environ["NAIVE_DATABASE_URL"], pool_size=20, max_overflow=10)
sessions = async_sessionmaker(engine, expire_on_commit=False)
SECRET = os.environ["NAIVE_APP_SECRET"].encode()
GRAPH = os.environ.get("NAIVE_GRAPH_URL", "")
MODEL = os.environ.get("NAIVE_MODEL_URL", "")
sdk = None
if os.environ.get("NAIVE_SDK"):
    from openai import AsyncOpenAI

    sdk = AsyncOpenAI(base_url=MODEL, api_key="k")


class Base(DeclarativeBase):
    pass


class Vector(UserDefinedType[list[float]]):
    """A pgvector column."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "vector"

    def bind_processor(self, dialect: Any) -> Any:
        return lambda value: None if value is None else str(value)


class Client(Base):
    __tablename__ = "clients"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    phone_number_id: Mapped[str] = mapped_column(unique=True)
    prompt: Mapped[str] = mapped_column(default="You are a helpful assistant.")


class Contact(Base):
    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("client_id", "wa_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"))
    wa_id: Mapped[str]
    name: Mapped[str | None]


class Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversation_contact", "client_id", "contact_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    status: Mapped[str] = mapped_column(default="open")
    contact: Mapped[Contact] = relationship()


class Message(Base):
    __tablename__ = "messages"
    __table_args__ = (Index("ix_message_conversation", "conversation_id", "created_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"))
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"))
    wamid: Mapped[str | None] = mapped_column(unique=True)
    author: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Chunk(Base):
    __tablename__ = "chunks"
    __table_args__ = (Index("ix_chunk_client", "client_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"))
    text: Mapped[str]
    embedding: Mapped[list[float] | None] = mapped_column(Vector, deferred=True)


class Text(BaseModel):
    body: str


class Inbound(BaseModel):
    from_: str = Field(alias="from")
    id: str
    timestamp: str
    type: str
    text: Text | None = None


class Metadata(BaseModel):
    phone_number_id: str


class Profile(BaseModel):
    name: str | None = None


class InboundContact(BaseModel):
    wa_id: str
    profile: Profile | None = None


class Value(BaseModel):
    metadata: Metadata
    contacts: list[InboundContact] = []
    messages: list[Inbound] = []


class Change(BaseModel):
    value: Value


class Entry(BaseModel):
    changes: list[Change]


class Webhook(BaseModel):
    entry: list[Entry]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
        await connection.run_sync(Base.metadata.create_all)
    app.state.http = aiohttp.ClientSession()
    yield
    await app.state.http.close()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as db:
        yield db


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.post("/webhook")
async def webhook(
    request: Request, tasks: BackgroundTasks, db: AsyncSession = Depends(session)
) -> dict[str, str]:
    raw = await request.body()
    expected = "sha256=" + hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
        raise HTTPException(403)
    for entry in Webhook.model_validate_json(raw).entry:
        for change in entry.changes:
            for message in change.value.messages:
                try:
                    stored = await store(db, change.value, message)
                    await db.commit()
                except IntegrityError:  # Somebody else was storing the same.
                    await db.rollback()
                    stored = None
                if stored and GRAPH:
                    tasks.add_task(answer, request.app.state.http, stored.id)
    return {"status": "ok"}


async def store(db: AsyncSession, value: Value, inbound: Inbound) -> Message | None:
    client = await db.scalar(
        select(Client).where(Client.phone_number_id == value.metadata.phone_number_id)
    )
    if client is None or await db.scalar(select(Message).where(Message.wamid == inbound.id)):
        return None
    contact = await db.scalar(
        select(Contact).where(Contact.client_id == client.id, Contact.wa_id == inbound.from_)
    )
    if contact is None:
        contact = Contact(client_id=client.id, wa_id=inbound.from_, name=None)
        db.add(contact)
        await db.flush()
    conversation = await db.scalar(
        select(Conversation).where(
            Conversation.client_id == client.id, Conversation.contact_id == contact.id
        )
    )
    if conversation is None:
        conversation = Conversation(client_id=client.id, contact_id=contact.id)
        db.add(conversation)
        await db.flush()
    message = Message(
        client_id=client.id, conversation_id=conversation.id, wamid=inbound.id, author="contact",
        text=inbound.text.body if inbound.text else "", created_at=datetime.now(timezone.utc).replace(tzinfo=None),
    )  # fmt: skip
    db.add(message)
    await db.flush()
    return message


async def by_words(
    http: aiohttp.ClientSession, db: AsyncSession, client: Client, history: list[str], asked: str
) -> str:
    """The chunk that shares most words, in the place of a model."""
    chunks = (await db.scalars(select(Chunk).where(Chunk.client_id == client.id))).all()
    words = set(asked.lower().split())
    best = max(chunks, key=lambda c: len(words & set(c.text.lower().split())), default=None)
    prompt = [client.prompt, *history, best.text if best else "", asked]
    return best.text if best and prompt else "I don't have that info."


async def by_model(
    http: aiohttp.ClientSession, db: AsyncSession, client: Client, history: list[str], asked: str
) -> str:
    """What a model says to the nearest chunks."""
    near = Chunk.embedding.op("<=>")(await embed(http, asked))
    chunks = await db.scalars(
        select(Chunk).where(Chunk.client_id == client.id).order_by(near).limit(5)
    )
    context = "\n".join(f"CONTEXT [{n}]\n{chunk.text}" for n, chunk in enumerate(chunks, 1))
    said = "\n".join(history)
    messages = [
        {"role": "system", "content": client.prompt},
        {"role": "user", "content": f"{context}\nEND\n{said}\n{asked}"},
    ]
    return await chat(http, messages)


async def embed(http: aiohttp.ClientSession, asked: str) -> Any:
    if sdk:
        made = await sdk.embeddings.create(model="text-embedding-3-large", input=asked)
        return made.data[0].embedding
    embedded = await call(http, "embeddings", {"model": "text-embedding-3-large", "input": asked})
    return embedded["data"][0]["embedding"]


async def chat(http: aiohttp.ClientSession, messages: list[Any]) -> Any:
    if sdk:
        said = await sdk.chat.completions.create(model="gpt-4o", messages=messages)
        return said.choices[0].message.content
    answered = await call(http, "chat/completions", {"model": "gpt-4o", "messages": messages})
    return answered["choices"][0]["message"]["content"]


async def call(http: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    async with http.post(f"{MODEL}/{path}", json=body, headers={"Authorization": "Bearer k"}) as sent:
        sent.raise_for_status()
        return await sent.json()


async def answer(http: aiohttp.ClientSession, message_id: UUID) -> None:
    """Loads, searches, asks the (instant) model, stores, sends."""
    async with sessions() as db:
        message = await db.get_one(Message, message_id)
        client = await db.get_one(Client, message.client_id)
        conversation = await db.get_one(Conversation, message.conversation_id)
        contact = await db.get_one(Contact, conversation.contact_id)
        history = (
            await db.scalars(
                select(Message)
                .where(Message.conversation_id == conversation.id)
                .order_by(Message.created_at.desc())
                .limit(12)
            )
        ).all()
        thought = by_model if MODEL else by_words
        reply = await thought(http, db, client, [m.text for m in reversed(history)], message.text)
        db.add(
            Message(
                client_id=client.id, conversation_id=conversation.id, author="assistant", text=reply
            )
        )
        await db.commit()
    body = {
        "messaging_product": "whatsapp",
        "to": contact.wa_id,
        "type": "text",
        "text": {"body": reply},
    }
    headers = {"Authorization": f"Bearer token-{int(client.phone_number_id) - 700_000}"}
    async with http.post(
        f"{GRAPH}/v25.0/{client.phone_number_id}/messages", json=body, headers=headers
    ) as sent:
        sent.raise_for_status()
