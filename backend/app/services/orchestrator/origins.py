"""Which web pages may show which chat."""

from uuid import UUID

from app.core.errors import Forbidden
from app.core.multi_tenant import Database
from app.models.channel_config import ChannelConfig, Route
from app.utils.remembered import Remembered


class Origins:
    """Compares origins as a whole, letter by letter. Our own pages always may."""

    def __init__(self, db: Database, public_url: str | None) -> None:
        self._db = db
        self._own = public_url.rstrip("/").lower() if public_url else None
        self._known: Remembered[tuple[str, UUID | None], bool] = Remembered(seconds=1.0)

    async def allowed(self, origin: str) -> bool:
        """Whether a page of this origin may use the web channel at all."""
        return await self._ask(origin, None)

    async def check(self, route: Route, origin: str | None, host: str) -> None:
        """Refuses a page that the account doesn't list. A caller that is no browser sends no origin.

        Raises:
            Forbidden: The page isn't listed.
        """
        if origin is None or origin.lower() in (self._own, f"https://{host}", f"http://{host}"):
            return
        if not await self._ask(origin, route.account_id):
            raise Forbidden(
                "This web page may not show the chat. Add its address to the channel's allowed origins."
            )

    async def _ask(self, origin: str, account_id: UUID | None) -> bool:
        async def find() -> bool:
            async with self._db.directory() as tx:
                return await ChannelConfig.origin_allowed(tx, origin, account_id)

        return await self._known.get((origin, account_id), find)
