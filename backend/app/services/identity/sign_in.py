"""Signing in with a password."""

from app.core.errors import Unauthenticated
from app.core.multi_tenant import Database
from app.core.security import Attempts, verify_password
from app.models.staff import Staff, StaffLogin

WRONG = "E-mail address or password is wrong. Check both and try again."


async def by_password(db: Database, attempts: Attempts, email: str, password: str) -> StaffLogin:
    """The colleague behind an e-mail address and password; the same work whether there is one or not.

    Raises:
        Unauthenticated: There is none.
        RateLimited: It was tried too often.
    """
    attempts.take(email)
    async with db.directory() as tx:
        staff = await Staff.by_email(tx, email)
    known = await verify_password(password, staff.password_hash if staff else None)
    if staff is None or not known:
        raise Unauthenticated(WRONG)
    attempts.forgive(email)
    return staff
