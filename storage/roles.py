"""The two roles of the database: its owner, who migrates it, and the application's, which cannot rewrite facts.

The application's role may read and insert, and change or delete what is derived.  Tables with the trigger
`append_only` (see `storage.migrations.facts`) it may only read and insert into: neither a slip nor somebody who
speaks SQL as the application can change the custody log, the signed heads, or what was observed.  A lawful erasure is
carried out as the owner, whom the trigger `erasable` lets take away what two people wanted gone.  The owner could do
more; `storage.heads` and the witnesses are there to show it.
"""

import logging

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from lastseen.errors import Failure

log = logging.getLogger(__name__)

REVISION_TABLE = "alembic_version"

THERE = text("SELECT to_regrole(quote_ident(:role)) IS NOT NULL")

# A table counts as granted when the role may do to it what it should, and no more.
MISSING = text(f"""
    SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
               AND CASE WHEN relkind = 'S' THEN NOT has_sequence_privilege(:role, oid, 'USAGE') END)
         + count(*)
      FROM (SELECT oid, relname = '{REVISION_TABLE}' AS fixed,
                   EXISTS (SELECT FROM pg_trigger
                            WHERE tgrelid = pg_class.oid AND tgname IN ('append_only', 'erasable')) AS kept
              FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace) AS tables
     WHERE NOT has_table_privilege(:role, oid, 'SELECT')
        OR has_table_privilege(:role, oid, 'INSERT') = fixed
        OR has_table_privilege(:role, oid, 'UPDATE') = (fixed OR kept)
        OR has_table_privilege(:role, oid, 'DELETE') = (fixed OR kept)
        OR has_table_privilege(:role, oid, 'TRUNCATE')""")  # noqa: S608  our own name

KEPT = text("""
    SELECT quote_ident(relname) FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
       AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname IN ('append_only', 'erasable'))""")

REWRITES = text("""
    SELECT pg_has_role(relowner, 'MEMBER') OR has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')
      FROM pg_class WHERE oid = 'custody_events'::regclass""")

ERASES = text("SELECT has_table_privilege('observations', 'DELETE')")

GRANT_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.roles'))")


class NoRole(Failure):
    """The application's role is not in the database, or its owner may not grant to it."""


def prepare(owner: Engine, application_url: str, *, make: bool = False) -> None:
    """Have the application's role hold what it needs, and no more.  Cheap when it does.

    `make`: make the role if it is not there, with the password in the URL; else that raises NoRole.
    """
    url = make_url(application_url)
    role = url.username or ""
    with owner.begin() as db:
        if db.execute(THERE, {"role": role}).scalar() and not db.execute(MISSING, {"role": role}).scalar():
            return
    try:
        with owner.begin() as db:
            db.execute(GRANT_LOCK)  # GRANTs of one table at the same moment would hinder each other
            if make:
                _make(db, role, url.password or "")
            _grant(db, role)
            granted = not db.execute(MISSING, {"role": role}).scalar()
    except ProgrammingError as fault:
        if not isinstance(fault.orig, InsufficientPrivilege):
            raise
        granted = False
    if not granted:
        raise NoRole(
            f"{role} could not be given what the application needs, and no more: LASTSEEN_DATABASE_OWNER_URL must name"
            " the role that owns the tables, and LASTSEEN_DATABASE_URL one that neither owns them nor is a superuser"
        )


def may_rewrite(db: Connection) -> bool:
    """Whether the role of this connection could change the custody log, or take that right."""
    return bool(db.execute(REWRITES).scalar())


def may_erase(db: Connection) -> bool:
    """Whether the role of this connection may carry out a lawful erasure."""
    return bool(db.execute(ERASES).scalar())


def _make(db: Connection, role: str, password: str) -> None:
    quoted = db.dialect.identifier_preparer.quote(role)
    if not db.execute(THERE, {"role": role}).scalar():
        db.execute(text(f"CREATE ROLE {quoted} LOGIN"))
    literal = db.execute(text("SELECT quote_literal(:password)"), {"password": password}).scalar_one()
    db.exec_driver_sql(f"ALTER ROLE {quoted} PASSWORD {literal}")


def _grant(db: Connection, role: str) -> None:
    quoted = db.dialect.identifier_preparer.quote(role)
    if not db.execute(THERE, {"role": role}).scalar():
        raise NoRole(
            f"the database has no role {role}, which LASTSEEN_DATABASE_URL names: make it with"
            f" CREATE ROLE {quoted} LOGIN PASSWORD '...'"
        )
    database = db.execute(text("SELECT quote_ident(current_database())")).scalar_one()
    kept = ", ".join(db.execute(KEPT).scalars())
    for statement in (
        f"GRANT CONNECT ON DATABASE {database} TO {quoted}",
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}",
        f"REVOKE INSERT, UPDATE, DELETE ON {REVISION_TABLE} FROM {quoted}",
        f"REVOKE UPDATE, DELETE ON {kept} FROM {quoted}",
    ):
        db.exec_driver_sql(statement)
    log.info("granted to the application's role what it needs")
