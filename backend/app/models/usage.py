"""Usage and traces: what an answer cost, and why it is what it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from app.core.multi_tenant import Row, TenantTx, client_of
from app.core.sealing import Cipher
from app.models.base import Created, TenantRow
from app.models.declared import ForeignKey, Integer, LargeBinary, Mapped, mapped_column, text
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7, uuid7_at

_TRACE = SealedColumn("answer_traces", "trace", "message_id", packed=True)


@dataclass(frozen=True, slots=True)
class Used:
    """What a client has used: this month's answers and tokens, and the size of its documents."""

    messages: int
    tokens: int
    knowledge_bytes: int


class UsageRecord(Created, TenantRow):
    """What one answer used."""

    __tablename__ = "usage_records"
    grants: ClassVar[str] = "SELECT, INSERT"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
    model: Mapped[str]
    input_tokens: Mapped[int] = mapped_column(Integer)
    output_tokens: Mapped[int] = mapped_column(Integer)
    milliseconds: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str] = mapped_column(server_default=text("''"))

    @classmethod
    async def add(
        cls,
        tx: TenantTx,
        message_id: UUID,
        model: str,
        tokens: tuple[int, int],
        milliseconds: int,
        channel: str = "",
    ) -> None:
        """Notes input and output tokens of one answer, and where it was asked."""
        await tx.run(
            "INSERT INTO usage_records (client_id, id, message_id, model, input_tokens, output_tokens, milliseconds, "
            "channel) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            client_of(tx), uuid7(), message_id, model, *tokens, milliseconds, channel,
        )  # fmt: skip

    @classmethod
    async def by_day(cls, tx: TenantTx, days: int = 31) -> list[Row]:
        """Answers and tokens a day, model and channel, newest first."""
        return await tx.all(
            "SELECT created_at::date AS day, model, channel, count(*) AS answers, sum(input_tokens) AS input_tokens, "
            "sum(output_tokens) AS output_tokens FROM usage_records "
            "WHERE client_id = $1 AND created_at > now() - make_interval(days => $2) "
            "GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3",
            client_of(tx), days,
        )  # fmt: skip

    @classmethod
    async def this_month(cls, tx: TenantTx) -> Used:
        """What the client has used since the first of this month, in UTC. Phrases of ours count as nothing."""
        row = await tx.one(
            "SELECT count(*) FILTER (WHERE model NOT LIKE 'phrase:%') AS messages, "
            "coalesce(sum(input_tokens + output_tokens), 0)::bigint AS tokens, "
            "(SELECT coalesce(sum(octet_length(original)), 0)::bigint FROM knowledge_documents WHERE client_id = $1) "
            "AS knowledge_bytes FROM usage_records "
            "WHERE client_id = $1 AND id >= $2 AND created_at >= date_trunc('month', now())",
            client_of(tx), _month_began(),
        )  # fmt: skip
        return Used(**dict(row)) if row else Used(0, 0, 0)


def _month_began() -> UUID:
    """Below every id of this month; a day is spared for clocks that differ."""
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return uuid7_at(month - timedelta(days=1))


class AnswerTrace(Created, TenantRow):
    """Why an answer is what it is: question, passages with scores, prompt, model, checks, tokens, milliseconds; sealed."""

    __tablename__ = "answer_traces"
    grants: ClassVar[str] = "SELECT, INSERT, DELETE, UPDATE (trace)"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    trace: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    async def add(cls, tx: TenantTx, message_id: UUID, trace: dict[str, Any]) -> None:
        """Keeps the trace of a reply."""
        await tx.run(
            "INSERT INTO answer_traces (client_id, message_id, trace) VALUES ($1, $2, $3)",
            client_of(tx), message_id, _TRACE.put(tx, trace, message_id),
        )  # fmt: skip

    @classmethod
    async def of_message(cls, tx: TenantTx, message_id: UUID) -> dict[str, Any] | None:
        """The trace of a reply, if there is one."""
        sealed = await tx.value(
            "SELECT trace FROM answer_traces WHERE client_id = $1 AND message_id = $2",
            client_of(tx),
            message_id,
        )
        trace: dict[str, Any] | None = _TRACE.get(tx, sealed, message_id)
        return trace


def seal_trace(cipher: Cipher, trace: dict[str, Any], message_id: UUID) -> bytes:
    """A trace as it rests."""
    return _TRACE.seal(cipher, trace, message_id)
