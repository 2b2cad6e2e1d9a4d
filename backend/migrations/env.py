"""Runs migrations on the connection that `wafaa migrate` hands over."""

from alembic import context

from app import models as _models  # noqa: F401  # Names every table.
from app.models.base import Base
from app.models.declared import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables(Base))
with context.begin_transaction():
    context.run_migrations()
