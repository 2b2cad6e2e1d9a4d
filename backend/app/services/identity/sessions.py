"""Sessions of staff: begun with a secret that only the browser keeps, ended at once wherever they are used."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.errors import Unauthenticated
from app.core.multi_tenant import Database, TenantTx
from app.core.principal import LONGEST_LIFE, Principal, Role
from app.core.token_keys import LEEWAY_SECONDS
from app.models.staff_session import LONGEST, StaffSession, Stage
from app.utils.remembered import Remembered

STAGE_LIFE = timedelta(minutes=10)
"""How long somebody may take between the steps of signing in."""
MARKS_SECONDS = 2.0
"""For how long a process may not know that a session was ended elsewhere."""
_SECRET_LENGTH = 43


@dataclass(frozen=True, slots=True)
class Session:
    """A colleague who is signed in with a browser, or on the way there.

    Attributes:
        principal: Who.
        name: How they are called.
        stage: How far signing in has come; before ``full`` it opens nothing.
    """

    principal: Principal
    name: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has just begun.

    Attributes:
        session_id: Its id.
        secret: What the browser keeps; nobody else does.
        life: How long it lasts at most.
    """

    session_id: UUID
    secret: str
    life: timedelta


async def begin(
    tx: TenantTx,
    staff_id: UUID,
    *,
    device: str,
    stage: Stage = Stage.FULL,
    life: timedelta = LONGEST,
) -> Begun:
    """Begins a session with a secret nobody has seen before.

    Raises:
        Unauthenticated: The colleague is no longer one.
    """
    secret = secrets.token_urlsafe(32)
    life = life if stage is Stage.FULL else STAGE_LIFE
    session_id = await StaffSession.begin(
        tx, staff_id, hash_secret(secret), stage=stage, device=device, life=life
    )
    return Begun(session_id, secret, life)


def hash_secret(secret: str) -> bytes:
    """What is kept of a random secret: 256 bits of chance need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


class Sessions:
    """Recognises sessions, and tokens whose session was ended."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._marks: Remembered[None, dict[UUID, datetime]] = Remembered(seconds=MARKS_SECONDS)

    async def resume(self, secret: str) -> Session | None:
        """The living session that a browser shows the secret of."""
        if len(secret) != _SECRET_LENGTH:
            return None
        found = await StaffSession.resume(self._db, hash_secret(secret))
        if found is None:
            return None
        principal = Principal(
            str(found.staff_id), found.client_id, Role(found.role), session_id=found.session_id
        )
        return Session(principal, found.name, Stage(found.stage))

    async def refuse_ended(self, principal: Principal) -> None:
        """Refuses an access token whose session, or whose holder's last session, was ended.

        Raises:
            Unauthenticated: It was.
        """
        marks = await self._marks.get(None, self._read_marks)
        if self._is_marked(principal, marks):
            raise Unauthenticated

    @staticmethod
    def _is_marked(principal: Principal, marks: dict[UUID, datetime]) -> bool:
        """A session's tokens end with it. Those that belong to none end if they are older than their holder's mark."""
        if principal.session_id is not None:
            return principal.session_id in marks
        try:
            marked = marks.get(UUID(principal.subject))
        except ValueError:  # A service's token.
            return False
        issued = datetime.fromtimestamp(principal.issued_at or 0, UTC)
        return marked is not None and issued <= marked

    async def _read_marks(self) -> dict[UUID, datetime]:
        since = LONGEST_LIFE + 2 * timedelta(seconds=LEEWAY_SECONDS)
        return await StaffSession.marks(self._db, since)
