"""A turn's calls are planned once, however many months have their partitions and however much rests in them."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import DEFINER_ROLE, run_script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Has the server keep their plans: planning anew for each call's own values cost more than the call."""
    for name in ("floor_of", "settle", "intend"):
        run_script(op.get_bind(), MIGRATIONS / "functions" / f"{name}.sql")
    op.execute(f"SET ROLE {DEFINER_ROLE}")
    for function in (
        "claim_lanes(jsonb, float8)",
        "seconds_to_due(text[], float8)",
        "record_turn(text, uuid, jsonb)",
        "record_sent(text, uuid, uuid, uuid, bytea, text[], bigint, uuid)",
    ):
        op.execute(f"ALTER FUNCTION app.{function} SET plan_cache_mode = force_generic_plan")
    op.execute("RESET ROLE")
