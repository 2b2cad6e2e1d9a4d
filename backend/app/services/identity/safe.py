"""Where the installation's own secrets are sealed: those that belong to no client."""

from app.services.keys.base import KeyService, Wrapped


class InstallationSafe:
    """Seals with the key service, as clients' keys are."""

    def __init__(self, service: KeyService) -> None:
        self._service = service

    async def seal(self, kid: str, plain: bytes) -> tuple[bytes, str]:
        """Seals a signing key's private part; tells under which key-encryption key."""
        wrapped = await self._service.wrap(plain, _context(kid))
        return wrapped.blob, wrapped.under

    async def open(self, kid: str, sealed: bytes, under: str) -> bytes:
        """Opens it again."""
        return await self._service.unwrap(Wrapped(sealed, under), _context(kid))


def _context(kid: str) -> dict[str, str]:
    return {"signing_key": kid}
