"""Usage and traces: what an answer cost, and why it is what it is."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.core.multi_tenant import Row, TenantTx, client_of
from app.models.base import Created, TenantRow
from app.utils.ids import uuid7


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

    @classmethod
    async def add(
        cls, tx: TenantTx, message_id: UUID, model: str, tokens: tuple[int, int], milliseconds: int
    ) -> None:
        """Notes input and output tokens of one answer."""
        await tx.run(
            "INSERT INTO usage_records (client_id, id, message_id, model, input_tokens, output_tokens, milliseconds) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)",
            client_of(tx), uuid7(), message_id, model, *tokens, milliseconds,
        )  # fmt: skip

    @classmethod
    async def by_day(cls, tx: TenantTx, days: int = 31) -> list[Row]:
        """Answers and tokens a day and model, newest first."""
        return await tx.all(
            "SELECT created_at::date AS day, model, count(*) AS answers, sum(input_tokens) AS input_tokens, "
            "sum(output_tokens) AS output_tokens FROM usage_records "
            "WHERE client_id = $1 AND created_at > now() - make_interval(days => $2) GROUP BY 1, 2 ORDER BY 1 DESC, 2",
            client_of(tx), days,
        )  # fmt: skip


class AnswerTrace(Created, TenantRow):
    """Why an answer is what it is: question, passages with scores, prompt, model, checks, tokens, milliseconds."""

    __tablename__ = "answer_traces"
    grants: ClassVar[str] = "SELECT, INSERT, DELETE"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    trace: Mapped[dict[str, Any]]

    @classmethod
    async def add(cls, tx: TenantTx, message_id: UUID, trace: dict[str, Any]) -> None:
        """Keeps the trace of a reply."""
        await tx.run(
            "INSERT INTO answer_traces (client_id, message_id, trace) VALUES ($1, $2, $3)",
            client_of(tx), message_id, trace,
        )  # fmt: skip

    @classmethod
    async def of_message(cls, tx: TenantTx, message_id: UUID) -> dict[str, Any] | None:
        """The trace of a reply, if there is one."""
        trace: dict[str, Any] | None = await tx.value(
            "SELECT trace FROM answer_traces WHERE client_id = $1 AND message_id = $2",
            client_of(tx),
            message_id,
        )
        return trace
