"""Who is calling, and what they may do: roles, scopes, and the principal that a verified credential speaks of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from app.core.errors import Unauthenticated

LONGEST_LIFE = timedelta(minutes=15)
LONGEST_VISIT = timedelta(hours=24)


class Role(StrEnum):
    """What a principal may be."""

    OWNER = "owner"
    AGENT = "agent"
    VIEWER = "viewer"
    PLATFORM = "platform"
    SERVICE = "service"
    VISITOR = "visitor"


class Scope(StrEnum):
    """What a credential may be narrowed to. Every route of the API names the one it needs."""

    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_WRITE = "knowledge:write"
    CHANNELS_READ = "channels:read"
    CHANNELS_WRITE = "channels:write"
    CLIENT_READ = "client:read"
    CLIENT_WRITE = "client:write"
    ADMIN = "admin"
    PLATFORM = "platform"


_READ = frozenset(scope for scope in Scope if scope.endswith(":read"))
_OWNED = frozenset(Scope) - {Scope.PLATFORM}

RIGHTS: Mapping[Role, frozenset[Scope]] = {
    Role.OWNER: _OWNED,
    Role.AGENT: _READ | {Scope.CONVERSATIONS_WRITE},
    Role.VIEWER: _READ,
    Role.PLATFORM: frozenset({Scope.PLATFORM}),
    Role.SERVICE: _OWNED,
    Role.VISITOR: frozenset(),
}
"""The most that each role may ever hold."""


class Audience(StrEnum):
    """Which door a token opens."""

    API = "wafaa-api"
    WEB = "wafaa-web"

    @classmethod
    def of(cls, role: Role) -> "Audience":
        """The only door that this role goes through."""
        return cls.WEB if role is Role.VISITOR else cls.API

    @property
    def longest_life(self) -> timedelta:
        """How long its tokens may live: a visitor has nothing to renew one with, and opens little by it."""
        return LONGEST_VISIT if self is Audience.WEB else LONGEST_LIFE


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as a verified credential says.

    Attributes:
        subject: The staff member's, service's or visitor's id.
        client_id: The client whose things may be touched; the only source of it in the API.
        role: What they may do.
        scopes: What an API key or an application is narrowed to; None for a person who signed in themselves.
        application: The API key or application that acts for somebody; None for themselves.
        contact_id: A visitor's contact.
        conversation_id: A visitor's conversation.
        account_id: The channel account that a visitor writes to.
        session_id: The session in which staff are signed in.
        issued_at: When the token was issued, in seconds since 1970; nothing where there is no token.
    """

    subject: str
    client_id: UUID
    role: Role
    scopes: frozenset[str] | None = None
    application: str | None = None
    contact_id: UUID | None = None
    conversation_id: UUID | None = None
    account_id: UUID | None = None
    session_id: UUID | None = None
    issued_at: int | None = field(default=None, compare=False)

    @property
    def audience(self) -> Audience:
        """The door that this principal goes through."""
        return Audience.of(self.role)

    @property
    def rights(self) -> frozenset[Scope]:
        """What they may do: of what their role may, what they were narrowed to. A service has only that."""
        if self.scopes is None:
            return frozenset() if self.role is Role.SERVICE else RIGHTS[self.role]
        return RIGHTS[self.role] & self.scopes

    def may(self, scope: Scope | None) -> bool:
        """Whether they have a right. None stands for what only a person may who signed in themselves."""
        return (
            self.scopes is None and self.role is not Role.SERVICE
            if scope is None
            else scope in self.rights
        )

    @property
    def staff_id(self) -> UUID:
        """The staff member's id.

        Raises:
            Unauthenticated: The subject is no id of ours.
        """
        try:
            return UUID(self.subject)
        except ValueError as error:
            raise Unauthenticated from error
