"""Changing one's own password."""

import anyio

from app.core.errors import InvalidInput
from app.core.multi_tenant import Database
from app.core.security import SHORTEST_PASSWORD, Attempts, Principal, hash_password, verify_password
from app.models.audit import AuditEntry
from app.models.staff import Staff
from app.models.staff_session import StaffSession

TOO_SHORT = f"A password has at least {SHORTEST_PASSWORD} characters. Take a longer one."
TOO_OBVIOUS = "This password is the e-mail address. Take another one."
NOT_THE_PRESENT_ONE = "The present password is wrong. Check it and try again."


async def confirm(db: Database, attempts: Attempts, person: Principal, password: str) -> None:
    """Makes sure that it is the colleague themselves who is there.

    Raises:
        InvalidInput: The password is wrong.
        RateLimited: It was tried too often.
    """
    async with db.tenant(person.client_id) as tx:
        staff = await Staff.get(tx, person.staff_id)
    await attempts.take(staff.email)
    if not await verify_password(password, staff.password_hash or None):
        raise InvalidInput(NOT_THE_PRESENT_ONE, pointer="/password")
    await attempts.forgive(staff.email)


async def change(
    db: Database, attempts: Attempts, person: Principal, password: str, new: str
) -> None:
    """Changes a colleague's password; every other session of theirs ends.

    Raises:
        InvalidInput: The present password is wrong, or the new one is none.
        RateLimited: It was tried too often.
    """
    await confirm(db, attempts, person, password)
    async with db.tenant(person.client_id) as tx:
        refuse_weak(new, (await Staff.get(tx, person.staff_id)).email)
    hashed = await anyio.to_thread.run_sync(hash_password, new)
    async with db.tenant(person.client_id) as tx:
        await Staff.set_password(tx, person.staff_id, hashed)
        await StaffSession.end(tx, person.staff_id, spared=person.session_id)
        await AuditEntry.add(tx, person.subject, "password.changed", person.subject)


def refuse_weak(password: str, email: str) -> None:
    """Refuses what anybody would guess first.

    Raises:
        InvalidInput: It is no password.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput(TOO_SHORT, pointer="/new_password")
    if password.casefold().strip() in (email, email.partition("@")[0]):
        raise InvalidInput(TOO_OBVIOUS, pointer="/new_password")
