"""What every table shares, and how a tenant's table is fenced."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from app.core.multi_tenant import APP_ROLE, Row
from app.models.declared import (
    JSONB,
    DateTime,
    DeclarativeBase,
    Mapped,
    MetaData,
    mapped_column,
    text,
)

if TYPE_CHECKING:
    from sqlalchemy import Table


class Base(DeclarativeBase):
    """Every table. A row read by hand-written SQL becomes an instance through ``of``."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }

    @classmethod
    def of(cls, row: Row) -> Any:
        """An instance of a row that has this table's columns."""
        return cls(**dict(row))


class TenantRow(Base):
    """A row that belongs to one client. Its table is fenced; its keys lead with ``client_id``.

    Attributes:
        grants: What the application role may do with the table.
    """

    __abstract__ = True
    grants: ClassVar[str] = "SELECT, INSERT, UPDATE, DELETE"

    client_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)


class Created:
    """A row that knows when it was made."""

    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"), sort_order=90)


def fence(
    table: "Table", *, column: str = "client_id", grants: str = TenantRow.grants
) -> list[str]:
    """The statements that fence a tenant's table: forced row-level security, one policy, narrow grants.

    The sub-select makes the check one call a query, and keeps it an index condition.
    """
    mine = f"{column} = (SELECT app.current_client())"
    return [
        f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant_isolation ON {table.name} TO {APP_ROLE} USING ({mine}) WITH CHECK ({mine})",
        f"GRANT {grants} ON {table.name} TO {APP_ROLE}",
    ]
