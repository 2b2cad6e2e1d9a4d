"""The client of the running task: for logs and assertions, never for a decision.

The database knows the tenant by the transaction it runs in (``core/multi_tenant.py``). This variable only
lets log lines name the client, and lets a scope notice that it was opened inside another client's.
"""

from contextvars import ContextVar, Token
from uuid import UUID

current_tenant_id: ContextVar[UUID | None] = ContextVar("current_tenant_id", default=None)


class TenantContext:
    """Sets and tells the client of the running task."""

    @staticmethod
    def set_tenant(tenant_id: UUID | None) -> Token[UUID | None]:
        """Sets the client; give the token to ``reset`` when the scope ends."""
        return current_tenant_id.set(tenant_id)

    @staticmethod
    def reset(token: Token[UUID | None]) -> None:
        """Puts back what was set before."""
        current_tenant_id.reset(token)

    @staticmethod
    def get_tenant() -> UUID | None:
        """The client of the running task, or None outside a scope."""
        return current_tenant_id.get()
