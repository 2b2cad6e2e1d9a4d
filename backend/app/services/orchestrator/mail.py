"""E-mail through SMTP."""

from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.core.errors import Misconfigured, UpstreamUnavailable

SECONDS = 15.0
"""How long handing one mail over may take."""


class SmtpMailer:
    """Sends through the server that a URL names: ``smtp://user:password@host:587?from=wafaa@example.org``.

    ``smtp`` upgrades to TLS where the server offers it; ``smtps`` begins with it.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise Misconfigured(
                "SMTP_URL looks like smtp://user:password@host:587?from=wafaa@example.org"
            )
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587)
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
        self._sender = unquote(query.get("from", "")) or self._username or f"wafaa@{self._host}"

    async def send(self, message: EmailMessage) -> None:
        """Hands one mail to the server.

        Raises:
            UpstreamUnavailable: It can't be reached, or refuses.
        """
        message["From"] = self._sender
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._tls,
                timeout=SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            raise UpstreamUnavailable("The mail server doesn't take the mail.") from error
