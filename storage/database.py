"""The connection to PostgreSQL, and the schema in it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Error as PsycopgError
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege, UndefinedTable
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    create_engine,
    func,
    literal,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, ProgrammingError
from sqlalchemy.exc import DBAPIError as DatabaseError

from lastseen.errors import Failure, WrongUse

__all__ = [
    "Connection",
    "DatabaseError",
    "Engine",
    "NotTheOwner",
    "SchemaTooNew",
    "any_of",
    "beside",
    "connect",
    "driver",
    "ensure_database",
    "is_away",
    "is_conflict",
    "is_full",
    "migrate",
    "newest_revision",
    "now",
    "revision",
    "with_driver",
]

AWAY = ("08", "57P", "53300")
"""SQLSTATEs (their beginnings) of a server that is away, going, or full of connections"""
FULL = "53"
"""SQLSTATEs (their beginning) of a server that has no room, memory or connections left"""
CONFLICT = "40"
"""SQLSTATEs of transactions that lost against another one: the same one may be tried again at once"""

log = logging.getLogger(__name__)

DRIVER = "postgresql+psycopg"
UTF8 = "UTF8"
APPLICATION = "lastseen"
CONNECT_SECONDS = 10
POOL = 40
"""connections of one process at most, opened as they are needed: as many as Starlette works on requests at once, so
that none of them waits for one, and gives up"""
HOW_TO_WRITE_IT = (
    "write postgresql://user:password@host:port/database, and in user and password %40 for @, %3A for :, %2F for /,"
    " %25 for %"
)
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6C617374_7365656E
"""number of the advisory lock ("lastseen" in ASCII)"""


class NotTheOwner(Failure):
    """A migration is due, and this role does not own the tables."""


class SchemaTooNew(Failure):
    """The database was migrated by a newer version of this software: install that version."""


def connect(url: str, setting: str = "LASTSEEN_DATABASE_URL") -> Engine:
    """An engine for a PostgreSQL URL, with whatever driver it names; sessions live in UTC.  Opens no connection yet.

    Raises WrongUse, without the URL's words: its password may be among them.  `setting` is where it stands.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise WrongUse(f"{setting} cannot be read: {HOW_TO_WRITE_IT}") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise WrongUse(f"{setting} must begin with postgresql://")
    encoding = {} if "client_encoding" in parsed.query else {"client_encoding": UTF8}
    options = " ".join(filter(None, (*_asked(parsed.query.get("options")), "-c timezone=UTC")))
    try:
        make_conninfo(**dict.fromkeys(parsed.query, ""))
    except PsycopgError:
        raise WrongUse(f"{setting} has an option that PostgreSQL does not know: {HOW_TO_WRITE_IT}") from None
    return create_engine(
        parsed.set(drivername=DRIVER),
        pool_pre_ping=True,
        pool_size=POOL,
        max_overflow=0,
        hide_parameters=True,  # a traceback must not show names, hashes or sealed templates
        connect_args={
            "application_name": APPLICATION,
            "connect_timeout": CONNECT_SECONDS,
            "options": options,
            **encoding,  # a server of another one would hand over bytes instead of words, before anybody can say so
        },
    )


def answers(url: str) -> bool:
    """Whether the server at a PostgreSQL URL can be talked to, by a connection of its own; CONNECT_SECONDS at most."""
    engine = connect(url)
    try:
        engine.connect().close()
    except DatabaseError as fault:
        return not is_away(fault)
    finally:
        engine.dispose()
    return True


def migrate(engine: Engine) -> bool:
    """Bring the schema to this software's version.  Returns whether anything had to be done; cheap when not.

    Any number of processes may call it at once.  Raises SchemaTooNew, and NotTheOwner for a role that may not.
    """
    newest = newest_revision()
    with engine.connect() as db:
        if revision(db) == newest:
            return False
    from alembic import command  # here: half a second that only a migration should take
    from alembic.config import Config

    with _as_the_owner(), engine.begin() as db:
        db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        if (found := revision(db)) == newest:
            return False
        if found is not None and found > newest:
            raise SchemaTooNew(
                f"the database is at revision {found}, this software knows {newest}: install the version of lastseen"
                " that the rest of the office has; the database does not go back"
            )
        _require_every_script(db)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = db
        command.upgrade(config, "head")
    log.info("migrated the database from %s to %s", found or "nothing", newest)
    return True


def _require_every_script(db: Connection) -> None:
    """Raises WrongUse for a database that cannot hold the names of all people, or does not know letters from bytes."""
    encoding = db.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != UTF8:
        raise WrongUse(
            f"the database's encoding is {encoding}, and names in all scripts need {UTF8}: make it anew with"
            f" CREATE DATABASE ... ENCODING '{UTF8}' TEMPLATE template0 (docs/install.md)"
        )


@contextmanager
def _as_the_owner() -> Iterator[None]:
    try:
        yield
    except ProgrammingError as fault:
        if not isinstance(fault.orig, InsufficientPrivilege):
            raise
        raise NotTheOwner(
            "the schema is older than this software, and this role may not change it: set LASTSEEN_DATABASE_OWNER_URL"
            " to the owner of the database for one command, e.g. `lastseen doctor`"
        ) from fault


def ensure_database(engine: Engine, name: str) -> str:
    """Another database on the same server, made if it is not there.  Returns its URL, password included."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        known = db.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).first()
        if known is None:
            db.execute(text(f"CREATE DATABASE {db.dialect.identifier_preparer.quote(name)}"))
    return beside(engine, name)


def beside(engine: Engine, name: str) -> str:
    """URL of another database on the same server, password included."""
    return engine.url.set(database=name).render_as_string(hide_password=False)


def now(db: Connection) -> datetime:
    """What the server's clock shows."""
    moment: datetime = db.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def with_driver(url: str, driver: str) -> str:
    """The same URL for another driver, e.g. `postgresql+asyncpg`; password included."""
    return make_url(url).set(drivername=driver).render_as_string(hide_password=False)


def newest_revision() -> str:
    """The head of the migrations: each file is named `<number>_<what>.py` after its revision."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def any_of(ids: Sequence[int]) -> ColumnElement[int]:
    """For `column == any_of(ids)`: one bound array, however many there are (PostgreSQL takes 65,535 parameters)."""
    return func.any(literal(list(ids), ARRAY(BigInteger)))


def driver(db: Connection) -> psycopg.Connection[Any]:
    """psycopg's own connection below one of SQLAlchemy's, for what that has no word for (COPY)."""
    below = db.connection.driver_connection
    if not isinstance(below, psycopg.Connection):
        raise TypeError(f"{type(below).__name__} is no connection of psycopg")
    return below


IS_IT_RUNNING = "Is the server running on that host and accepting TCP/IP connections?"
"""what libpq adds"""


def is_away(error: DatabaseError) -> bool:
    """Whether the server is away: the same statement may pass after a rest."""
    state = _state(error)
    never_connected = error.statement is None and not state
    return error.connection_invalidated or never_connected or state.startswith(AWAY)


def away(error: DatabaseError, *, own: bool) -> str:
    """One line on a server that is away, and what to do.  `own`: it is one of the office's own, and not embedded."""
    why = " ".join(str(error.orig).replace(IS_IT_RUNNING, "").split())
    fix = (
        "see that it runs and takes connections, and that LASTSEEN_DATABASE_URL names host, port, role and password"
        if own
        else "the next command starts it, or `lastseen up` does by itself; `lastseen logs postgres` says more"
    )
    return f"the database does not answer: {why}: {fix}"


def is_full(error: DatabaseError) -> bool:
    """Whether the server lacks something that may be given to it, such as room on its disk."""
    return _state(error).startswith(FULL)


def is_conflict(error: DatabaseError) -> bool:
    """Whether the transaction lost against another one (deadlock, serialization)."""
    return _state(error).startswith(CONFLICT)


def _state(error: DatabaseError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _asked(option: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return option if isinstance(option, tuple) else (option or "",)


def revision(db: Connection) -> str | None:
    """The revision that Alembic has noted in a database; None for an empty one."""
    try:
        with db.begin_nested():
            return db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except ProgrammingError as error:
        if isinstance(error.orig, UndefinedTable):
            return None
        raise
