"""Months: what grows is kept in a partition for each, made ahead and dropped as a whole when nobody keeps it."""

from app.core.multi_tenant import Database


async def make_ahead(db: Database) -> int:
    """Makes sure that this month and the next three have their partitions; tells how many it made."""
    [row] = await db.call("SELECT app.make_partitions() AS made")
    return int(row["made"])


async def drop_old(db: Database) -> list[str]:
    """Drops the months that lie behind the longest retention of all clients, and names what it dropped.

    The database knows the retentions itself: nobody who can call this can say what is old.
    """
    return [row["name"] for row in await db.call("SELECT app.drop_partitions() AS name")]
