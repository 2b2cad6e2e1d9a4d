"""Signing in with a password, and with a second factor where there is one."""

from dataclasses import dataclass, replace
from datetime import timedelta

from app.core.errors import EnrolmentNeeded, SecondFactorNeeded, Unauthenticated
from app.core.multi_tenant import Database
from app.core.security import Attempts, Principal, Role, verify_password
from app.models.staff import Staff, StaffLogin
from app.models.staff_session import StaffSession, Stage
from app.services.identity import sessions
from app.services.identity.second_factor import SecondFactor
from app.services.identity.sessions import Begun, Session

WRONG = "E-mail address or password is wrong. Check both and try again."


@dataclass(frozen=True, slots=True)
class SignIn:
    """Lets staff in."""

    db: Database
    attempts: Attempts
    second_factor: SecondFactor

    async def by_password(self, email: str, password: str, *, device: str) -> tuple[Begun, Stage]:
        """Begins a session for a browser; a second step may have to follow.

        Raises:
            Unauthenticated: E-mail address or password is wrong.
            RateLimited: It was tried too often.
        """
        staff = await self._recognise(email, password)
        stage = _stage_of(staff)
        async with self.db.tenant(staff.client_id) as tx:
            return await sessions.begin(tx, staff.staff_id, device=device, stage=stage), stage

    async def by_code(self, half: Session, code: str, *, device: str) -> Begun:
        """Exchanges a session that waits for a code for a whole one.

        Raises:
            SecondFactorNeeded: The code is wrong.
            RateLimited: It was tried too often.
        """
        await self.second_factor.check(half.principal, code)
        return await self.finish(half, device=device)

    async def finish(self, half: Session, *, device: str) -> Begun:
        """A whole session in place of one on the way, with a secret nobody has seen before."""
        mine = half.principal
        async with self.db.tenant(mine.client_id) as tx:
            await StaffSession.end(tx, mine.staff_id, mine.session_id)
            return await sessions.begin(tx, mine.staff_id, device=device)

    async def at_once(
        self, email: str, password: str, code: str | None, *, device: str, life: timedelta
    ) -> Principal:
        """Lets a program in, in one step.

        Raises:
            Unauthenticated: E-mail address or password is wrong.
            SecondFactorNeeded: The code is missing or wrong.
            EnrolmentNeeded: The client asks for a second factor, and there is none yet.
            RateLimited: It was tried too often.
        """
        staff = await self._recognise(email, password)
        person = Principal(str(staff.staff_id), staff.client_id, Role(staff.role))
        match _stage_of(staff):
            case Stage.ENROL:
                raise EnrolmentNeeded
            case Stage.CODE if code is None:
                raise SecondFactorNeeded
            case Stage.CODE:
                await self.second_factor.check(person, code or "")
        async with self.db.tenant(staff.client_id) as tx:
            begun = await sessions.begin(tx, staff.staff_id, device=device, life=life)
        return replace(person, session_id=begun.session_id)

    async def _recognise(self, email: str, password: str) -> StaffLogin:
        """The colleague behind an e-mail address and password; the same work whether there is one or not."""
        await self.attempts.take(email)
        async with self.db.directory() as tx:
            staff = await Staff.by_email(tx, email)
        known = await verify_password(password, staff.password_hash if staff else None)
        if staff is None or not known:
            raise Unauthenticated(WRONG)
        await self.attempts.forgive(email)
        return staff


def _stage_of(staff: StaffLogin) -> Stage:
    """What follows the password."""
    if staff.has_factor:
        return Stage.CODE
    return Stage.ENROL if staff.needs_factor else Stage.FULL
