"""When background steps are due. The database keeps time, so that many workers do each step once."""

from app.core.multi_tenant import Database


async def claim(db: Database, step: str, lease_seconds: float) -> bool:
    """Takes a step that is due, for a lease; one caller gets it."""
    [row] = await db.call("SELECT app.claim_step($1, $2) AS mine", step, lease_seconds)
    return bool(row["mine"])


async def settle(db: Database, step: str, seconds: float) -> None:
    """Says that a step is due again after ``seconds``."""
    await db.call("SELECT app.settle_step($1, $2)", step, seconds)
