"""Row-level security binds whoever is weak: a role that it doesn't bind is refused."""

from app.core.errors import Misconfigured
from app.core.multi_tenant import APP_ROLE, Database


async def refuse_strong_role(db: Database) -> None:
    """Refuses to work as a role that row-level security doesn't bind.

    Raises:
        Misconfigured: The role is a superuser, bypasses row-level security, may make roles, or owns a table.
    """
    async with db.directory() as tx:
        reasons = await tx.value(_STRONG_ROLE)
    if reasons:
        raise Misconfigured(
            f"The database role {reasons} Row-level security would not bind it. Let DATABASE_URL name the "
            f"tables' owner and run `wafaa migrate`, which makes {APP_ROLE}; or set WAFAA_ADMIN_DATABASE_URL to "
            "the owner and DATABASE_URL to a plain role."
        )


_STRONG_ROLE = """
SELECT string_agg(reason, ' ') FROM (
  SELECT rolname || ' is a superuser.' AS reason FROM pg_roles WHERE rolname = current_user AND rolsuper
  UNION ALL SELECT rolname || ' has BYPASSRLS.' FROM pg_roles WHERE rolname = current_user AND rolbypassrls
  UNION ALL SELECT rolname || ' may make roles.' FROM pg_roles WHERE rolname = current_user AND rolcreaterole
  UNION ALL SELECT current_user || ' owns ' || min(relname) || '.' FROM pg_class
    WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND relkind IN ('r', 'p')
      AND relpersistence = 'p' AND relnamespace = 'public'::regnamespace HAVING count(*) > 0
  UNION ALL SELECT current_user || ' may make temporary tables.'
    WHERE has_database_privilege(current_user, current_database(), 'TEMP')
  UNION ALL SELECT current_user || ' is a member of ' || min(g.rolname) || '.' FROM pg_roles g
    WHERE g.rolname <> current_user AND (g.rolsuper OR g.rolbypassrls) AND pg_has_role(current_user, g.oid, 'MEMBER')
    HAVING count(*) > 0
) reasons
"""
