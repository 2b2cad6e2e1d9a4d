"""The installation's signing keys: shared by every process and host, kept where no client's transaction can look."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.core.multi_tenant import DirectoryTx


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A signing key as the database has it.

    Attributes:
        kid: Its name.
        algorithm: The only one it is used with.
        sealed: Its private part, sealed by the installation's key service.
        under: Which key sealed it.
        signs_from: When it begins to sign, in seconds since 1970; it is published before.
    """

    kid: str
    algorithm: str
    sealed: bytes = field(repr=False)
    under: str
    signs_from: float

    @classmethod
    async def all(cls, tx: DirectoryTx) -> list["KeptKey"]:
        """Every key, the oldest first."""
        rows = await tx.all("SELECT * FROM app.signing_keys() ORDER BY signs_from, kid")
        return [cls(**dict(row)) for row in rows]

    async def add(self, tx: DirectoryTx, *, spacing: float) -> bool:
        """Keeps a new key, unless another of its algorithm was made in the last ``spacing`` seconds: many start at once."""
        added: bool = await tx.value(
            "SELECT app.add_signing_key($1, $2, $3, $4, $5, $6)",
            self.kid, self.algorithm, self.sealed, self.under, self.signs_from, spacing,
        )  # fmt: skip
        return added

    @classmethod
    async def drop(cls, tx: DirectoryTx, kids: Sequence[str]) -> None:
        """Forgets keys: what they signed is worth nothing from now on."""
        await tx.run("SELECT app.drop_signing_keys($1)", list(kids))
