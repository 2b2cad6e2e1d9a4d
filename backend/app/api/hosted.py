"""Finds what the hosted page of a client shows."""

from app.api.pages import HostedPage
from app.bootstrap import Services
from app.core.errors import NotFound
from app.models.channel_config import ChannelConfig
from app.models.client import Client

KIND = "web"


class HostedPages:
    """Looks clients up by their slug."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def find(self, slug: str) -> HostedPage | None:
        """The page of a client with a web chat; None where there is none. A suspended one's chat tells that itself."""
        db = self._services.db
        try:
            async with db.directory() as tx:
                client = await Client.find(tx, slug)
        except NotFound:
            return None
        async with db.tenant(client.id) as tx:
            accounts = await ChannelConfig.of_kind(tx, KIND)
            settings = (await Client.mine(tx)).assistant
        if not accounts:
            return None
        return HostedPage(
            slug, client.name, settings.language, accounts[0].external_id, settings.color
        )
