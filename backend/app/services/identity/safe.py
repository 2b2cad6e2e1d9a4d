"""Where the installation's own secrets are sealed: those that belong to no client."""

from uuid import UUID

from app.core.security import Sealer

INSTALLATION = UUID(int=0)


class InstallationSafe:
    """Seals with the installation's master key."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def seal(self, kid: str, plain: bytes) -> tuple[bytes, str]:
        """Seals a signing key's private part."""
        sealed = self._sealer.seal(
            plain, client_id=INSTALLATION, table="signing_keys", column="sealed", row=kid
        )
        return sealed, ""

    async def open(self, kid: str, sealed: bytes, under: str) -> bytes:
        """Opens it again."""
        return self._sealer.unseal(
            sealed, client_id=INSTALLATION, table="signing_keys", column="sealed", row=kid
        )
