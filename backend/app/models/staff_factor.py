"""Second factors of staff: a sealed secret for codes by time, and codes for when it is lost."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    Mapped,
    mapped_column,
    text,
)
from app.models.sealed import SealedColumn

_SECRET = SealedColumn("staff_factors", "sealed", "staff_id")


def _of_staff() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["client_id", "staff_id"], ["staff.client_id", "staff.id"], ondelete="CASCADE"
    )


class StaffFactor(Created, TenantRow):
    """A colleague's authenticator app. It counts once it was confirmed by a code."""

    __tablename__ = "staff_factors"
    __table_args__: Any = (_of_staff(),)

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    confirmed_at: Mapped[datetime | None]

    @classmethod
    async def of_staff(cls, tx: TenantTx, staff_id: UUID) -> "StaffFactor | None":
        """A colleague's authenticator app, confirmed or not."""
        row = await tx.one(
            "SELECT * FROM staff_factors WHERE client_id = $1 AND staff_id = $2", client_of(tx), staff_id
        )  # fmt: skip
        return cls.of(row) if row else None

    @classmethod
    async def propose(cls, tx: TenantTx, staff_id: UUID, secret: bytes) -> bool:
        """Keeps a new secret, unless one was confirmed; tells whether it is kept."""
        return bool(
            await tx.run(
                "INSERT INTO staff_factors AS f (client_id, staff_id, sealed) VALUES ($1, $2, $3) "
                "ON CONFLICT (client_id, staff_id) DO UPDATE SET sealed = excluded.sealed, last_step = 0 "
                "WHERE f.confirmed_at IS NULL",
                client_of(tx), staff_id, _SECRET.put(tx, secret.hex(), staff_id),
            )
        )  # fmt: skip

    def secret(self, tx: TenantTx) -> bytes:
        """What its codes are made from."""
        return bytes.fromhex(_SECRET.get(tx, self.sealed, self.staff_id))

    @classmethod
    async def use_step(cls, tx: TenantTx, staff_id: UUID, step: int) -> bool:
        """Uses up the code of a step and of all before; tells whether it was still to be had."""
        return bool(
            await tx.run(
                "UPDATE staff_factors SET last_step = $3 WHERE client_id = $1 AND staff_id = $2 AND last_step < $3",
                client_of(tx), staff_id, step,
            )
        )  # fmt: skip

    @classmethod
    async def confirm(cls, tx: TenantTx, staff_id: UUID) -> None:
        """From now on signing in asks for a code."""
        await tx.run(
            "UPDATE staff_factors SET confirmed_at = now() WHERE client_id = $1 AND staff_id = $2",
            client_of(tx),
            staff_id,
        )

    @classmethod
    async def remove(cls, tx: TenantTx, staff_id: UUID) -> None:
        """Forgets a colleague's authenticator app and recovery codes."""
        me = client_of(tx)
        await tx.run(
            "DELETE FROM staff_factors WHERE client_id = $1 AND staff_id = $2", me, staff_id
        )
        await tx.run(
            "DELETE FROM staff_recovery_codes WHERE client_id = $1 AND staff_id = $2", me, staff_id
        )


class RecoveryCode(TenantRow):
    """A code that opens once, instead of the authenticator app. Kept as a hash; used means gone."""

    __tablename__ = "staff_recovery_codes"
    __table_args__: Any = (_of_staff(),)

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)

    @classmethod
    async def replace(cls, tx: TenantTx, staff_id: UUID, hashes: Sequence[bytes]) -> None:
        """Gives a colleague new codes; the old ones open nothing."""
        await tx.run(
            "DELETE FROM staff_recovery_codes WHERE client_id = $1 AND staff_id = $2", client_of(tx), staff_id
        )  # fmt: skip
        await tx.run(
            "INSERT INTO staff_recovery_codes (client_id, staff_id, code_hash) SELECT $1, $2, unnest($3::bytea[])",
            client_of(tx), staff_id, list(hashes),
        )  # fmt: skip

    @classmethod
    async def use(cls, tx: TenantTx, staff_id: UUID, code_hash: bytes) -> bool:
        """Uses a code up; tells whether there was one."""
        return bool(
            await tx.run(
                "DELETE FROM staff_recovery_codes WHERE client_id = $1 AND staff_id = $2 AND code_hash = $3",
                client_of(tx), staff_id, code_hash,
            )
        )  # fmt: skip

    @classmethod
    async def left(cls, tx: TenantTx, staff_id: UUID) -> int:
        """How many a colleague has left."""
        return int(
            await tx.value(
                "SELECT count(*) FROM staff_recovery_codes WHERE client_id = $1 AND staff_id = $2",
                client_of(tx), staff_id,
            )
        )  # fmt: skip


class SignInRules(TenantRow):
    """What a client asks of its staff when they sign in."""

    __tablename__ = "sign_in_rules"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    second_factor: Mapped[bool] = mapped_column(server_default=text("false"))

    @classmethod
    async def asks_second_factor(cls, tx: TenantTx) -> bool:
        """Whether a password alone isn't enough."""
        return bool(
            await tx.value(
                "SELECT second_factor FROM sign_in_rules WHERE client_id = $1", client_of(tx)
            )
        )

    @classmethod
    async def ask(cls, tx: TenantTx, *, second_factor: bool) -> None:
        """Sets what is asked."""
        await tx.run(
            "INSERT INTO sign_in_rules (client_id, second_factor) VALUES ($1, $2) "
            "ON CONFLICT (client_id) DO UPDATE SET second_factor = excluded.second_factor",
            client_of(tx), second_factor,
        )  # fmt: skip
