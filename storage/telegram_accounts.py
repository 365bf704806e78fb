"""The office's accounts on Telegram: their sessions, who uses them now, and what they were told to wait with.

An account has one user at a time, whichever process or machine that is: the lock is PostgreSQL's, held by a connection
of its own, so that it goes with its holder however that ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from lastseen.errors import Failure, WrongUse
from lastseen.records import Wait
from storage.sealing import Secrets

LOCK_SPACE = 0x74676D00
"""first number of the advisory locks ("tgm" in ASCII); the second is the account"""

ADD = text("""
    INSERT INTO telegram_accounts (name, user_id, sealed_session, added_by)
    VALUES (:name, :user_id, :sealed, :added_by)
    ON CONFLICT (name) DO UPDATE SET user_id = excluded.user_id, sealed_session = excluded.sealed_session,
                                     refusal = '', changed_at = now()
    RETURNING id""")

EVERY = text("""
    SELECT id, name, user_id, refusal,
           (SELECT count(*) FROM telegram_access WHERE account_id = telegram_accounts.id) AS chats,
           (SELECT max(until) FROM telegram_waits WHERE account_id = telegram_accounts.id AND until > now()) AS waits
      FROM telegram_accounts ORDER BY id""")

# The one that the source names; else one that can name its chats already; else the first.  Lost ones come last.
OF_SOURCE = text("""
    SELECT accounts.id, accounts.refusal FROM telegram_accounts AS accounts, sources
     WHERE sources.id = :source AND coalesce(sources.account_id, accounts.id) = accounts.id
     ORDER BY accounts.refusal <> '',
              NOT EXISTS (SELECT 1 FROM telegram_access JOIN telegram_chats ON telegram_chats.id = chat_id
                           WHERE account_id = accounts.id AND source_id = sources.id),
              accounts.id
     LIMIT 1""")


class AccountBusy(Failure):
    """Another worker uses this account, and did not let go of it in time."""


@dataclass(frozen=True, slots=True)
class Account:
    """One of the office's own accounts."""

    id: int
    name: str
    user_id: int
    refusal: str
    """why Telegram lets it in no more; empty: it does"""
    chats: int
    """how many it can name"""
    waits: datetime | None
    """until when it was told to wait with some request"""


class KnownAlready(WrongUse):
    """One account under two names would wait for itself without knowing."""


def add(db: Connection, name: str, user_id: int, session: str, secrets: Secrets, added_by: str) -> int:
    """Keep an account that has just logged in; one of that name gets the new session.  Returns its row id.

    Raises KnownAlready when the same account has another name here.
    """
    other = db.execute(
        text("SELECT name FROM telegram_accounts WHERE user_id = :user_id AND name <> :name"),
        {"user_id": user_id, "name": name},
    ).scalar()
    if other is not None:
        raise KnownAlready(f"this account is known here as {other}: `lastseen telegram login {other}`")
    sealed = secrets.seal(session, identity(name))
    values = {"name": name, "user_id": user_id, "sealed": sealed, "added_by": added_by}
    made: int = db.execute(ADD, values).scalar_one()
    return made


def every(db: Connection) -> list[Account]:
    """All of them, oldest first."""
    return [Account(**row) for row in db.execute(EVERY).mappings()]


@dataclass(frozen=True, slots=True)
class Reader:
    """The account that reads a source."""

    id: int
    refusal: str
    """why Telegram lets it in no more; empty: it does"""


def of_source(db: Connection, source: int) -> Reader | None:
    """Who reads a source; None: there is nobody yet."""
    row = db.execute(OF_SOURCE, {"source": source}).mappings().first()
    return Reader(**row) if row else None


def session(db: Connection, account: int, secrets: Secrets) -> str:
    """The session of an account.  Raises storage.sealing.CannotOpen."""
    row = db.execute(
        text("SELECT name, sealed_session FROM telegram_accounts WHERE id = :account"), {"account": account}
    ).one()
    return secrets.open(bytes(row.sealed_session), identity(row.name))


def keep_session(db: Connection, account: int, changed: str, secrets: Secrets) -> None:
    """Telegram has moved the account to another data centre."""
    name = db.execute(
        text("SELECT name FROM telegram_accounts WHERE id = :account FOR UPDATE"), {"account": account}
    ).scalar_one()
    db.execute(
        text("UPDATE telegram_accounts SET sealed_session = :sealed, changed_at = now() WHERE id = :account"),
        {"account": account, "sealed": secrets.seal(changed, identity(name))},
    )


def refuse(db: Connection, account: int, why: str) -> None:
    """Telegram lets it in no more, until somebody logs in again."""
    db.execute(
        text("UPDATE telegram_accounts SET refusal = :why, changed_at = now() WHERE id = :account"),
        {"account": account, "why": why},
    )


class AccountLock:
    """The right to use one account, from its making to `release`."""

    def __init__(self, engine: Engine, account: int, patience: timedelta) -> None:
        """Waits for whoever has it.  Raises AccountBusy when that takes longer than `patience`."""
        self._key = {"space": LOCK_SPACE, "account": account}
        self._db = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            milliseconds = max(int(patience / timedelta(milliseconds=1)), 1)
            self._db.execute(text(f"SET lock_timeout = {milliseconds}"))
            self._db.execute(text("SELECT pg_advisory_lock(:space, :account)"), self._key)
        except OperationalError as error:
            self._db.invalidate()
            self._db.close()
            if isinstance(error.orig, LockNotAvailable):
                raise AccountBusy(f"account {account} is used by another worker") from error
            raise

    def is_held(self) -> bool:
        """Whether it still is ours: it goes with the connection."""
        try:
            self._db.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return True

    def release(self) -> None:
        """Let others have it."""
        self._db.invalidate()  # rather than given back with the timeout still set
        self._db.close()


def identity(name: str) -> str:
    """What an account's session is sealed as."""
    return f"telegram account/{name}"


# --- waits -------------------------------------------------------------------------------------------------

KEEP_WAIT = text("""
    INSERT INTO telegram_waits (account_id, request, seconds, until) VALUES (:account, :request, :seconds, :until)
    ON CONFLICT (account_id, request) DO UPDATE
        SET seconds = excluded.seconds, until = greatest(excluded.until, telegram_waits.until)""")


def keep_waits(db: Connection, waits: Iterable[Wait]) -> None:
    """Have every worker of the account know."""
    for wait in waits:
        db.execute(
            KEEP_WAIT,
            {"account": wait.account, "request": wait.request, "seconds": wait.seconds, "until": wait.until},
        )


def waits(db: Connection, account: int) -> Mapping[str, datetime]:
    """Kind of request -> until when the account was told to wait with it, where that is not over."""
    rows = db.execute(
        text("SELECT request, until FROM telegram_waits WHERE account_id = :account AND until > now()"),
        {"account": account},
    )
    return {row.request: row.until for row in rows}
