"""The gateway that `wafaa up --tls` starts in front of the API."""

from dataclasses import dataclass, replace
from pathlib import Path

from app.core.config import Settings
from app.core.errors import Misconfigured
from app.embedded.certificate import self_made
from app.embedded.gateway import Gateway

LOCAL = "localhost"
_HERE = ("127.0.0.1",)
_LOCAL_PORT = 8443


@dataclass(frozen=True, slots=True)
class Tls:
    """What was asked for.

    Attributes:
        name: The host name; this machine's own when absent.
        certificate: The certificate and its chain; a self-made one when absent.
        key: Its key.
        port: Where to listen for TLS; 8443 for this machine alone, 443 for a name. Plain HTTP, which is sent on to it,
            comes in at the next port, or at 80.
    """

    name: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    port: int | None = None

    def gateway(self, settings: Settings) -> Gateway:
        """The gateway in front of an installation.

        Raises:
            Misconfigured: There is a certificate without its key, or the other way round, or no such file.
        """
        name = self.name or LOCAL
        chain, key = self._files(settings.home, name)
        local = self.name is None
        port = self.port or (_LOCAL_PORT if local else 443)
        gateway = Gateway(
            name,
            f"{settings.host}:{settings.port}",
            chain,
            key,
            settings.home,
            https_port=port,
            http_port=port + 1 if local else 80,
        )
        return replace(gateway, addresses=_HERE) if local else gateway

    def settings(self, settings: Settings) -> Settings:
        """The installation's settings behind the gateway: whom to believe, and how the outside reaches it."""
        gateway = self.gateway(settings)
        port = "" if gateway.https_port == 443 else f":{gateway.https_port}"
        proxies = ",".join(filter(None, (settings.trusted_proxies, "127.0.0.1")))
        url = settings.public_url or f"https://{gateway.server_name}{port}"
        return settings.model_copy(update={"public_url": url, "trusted_proxies": proxies})

    def _files(self, home: Path, name: str) -> tuple[Path, Path]:
        if self.certificate is None and self.key is None:
            return self_made(home / "tls", name)
        if self.certificate is None or self.key is None:
            raise Misconfigured("A certificate and its key go together: give both or none.")
        for path in (self.certificate, self.key):
            if not path.is_file():
                raise Misconfigured(f"There is no file {path}.")
        return self.certificate, self.key
