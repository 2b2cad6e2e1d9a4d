"""The spine: every table, its fence, and the functions that may see more than one client."""

from pathlib import Path

from alembic import op
from app.migration import run_script
from app.models.base import Base, TenantRow, fence

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes tables, fences and functions."""
    sql = Path(__file__).with_suffix("")
    run_script(op.get_bind(), sql / "before.sql")
    Base.metadata.create_all(op.get_bind())
    for mapper in Base.registry.mappers:
        for statement in fence(
            mapper.local_table,
            column="client_id" if issubclass(mapper.class_, TenantRow) else "id",
            grants=mapper.class_.grants,
        ):
            op.execute(statement)
    run_script(op.get_bind(), sql / "after.sql")
    run_script(op.get_bind(), sql / "receive.sql")
