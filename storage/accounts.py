"""Who may sign in to the review pages: accounts, sessions and one-time links.

Passwords are kept as argon2id hashes; of session and link tokens only the sha256 is kept.  Every expiry is the
database's own time.  No account has a password that nobody chose: one made without is entered by a link.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from lastseen.errors import WrongUse
from storage.tables import sessions, sign_in_links, users

SESSION_LIFETIME = timedelta(hours=12)
"""a working day; afterwards one signs in again"""
LINK_LIFETIME = timedelta(minutes=15)
"""long enough to copy it from a terminal"""
FRESH = timedelta(minutes=15)
"""for so long after signing in the password may be changed without being asked for the old one"""
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
LONGEST_NAME = 64
_TOKEN_BYTES = 32
_NAME_SIGNS = frozenset("._-@")
_NO_PASSWORD = ""

_HASHER = PasswordHasher()

_USER = (users.c.id, users.c.name, users.c.roles, (users.c.password_hash != _NO_PASSWORD).label("has_password"))


class NotAcceptable(WrongUse, ValueError):
    """A name or password that cannot be taken; the message says why, and may be shown to the person."""


@dataclass(frozen=True, slots=True)
class User:
    """One account."""

    id: int
    name: str
    roles: tuple[str, ...]
    has_password: bool


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser."""

    user: User
    fresh: bool
    """began less than `FRESH` ago"""


def tidy_name(name: str) -> str:
    """The one spelling of an account's name (NFKC, lower case).  Raises NotAcceptable.

    Letters and digits of any script, and `. _ - @`: it stands in the custody log and must not imitate another text.
    """
    tidy = unicodedata.normalize("NFKC", name).casefold().strip()
    if not 0 < len(tidy) <= LONGEST_NAME:
        raise NotAcceptable(f"A name has 1 to {LONGEST_NAME} characters.")
    if not all(char.isalnum() or char in _NAME_SIGNS for char in tidy):
        raise NotAcceptable("A name consists of letters, digits and . _ - @ only.")
    return tidy


def add_user(db: Connection, name: str, password: str | None, roles: Iterable[str]) -> User:
    """Make an account; without a password it is entered by a one-time link only.  Raises NotAcceptable."""
    tidy = tidy_name(name)
    hashed = _NO_PASSWORD if password is None else _hash(tidy, password)
    row = insert(users).values(name=tidy, password_hash=hashed, roles=[str(role) for role in roles])
    try:
        with db.begin_nested():
            return _user(db.execute(row.returning(*_USER)).one())
    except IntegrityError as taken:
        raise NotAcceptable(f"There is already an account {tidy!r}.") from taken


def find_user(db: Connection, name: str) -> User | None:
    """The account of this name, in any spelling that `tidy_name` makes one."""
    row = _find(db, name)
    return _user(row) if row else None


def count_users(db: Connection) -> int:
    """How many accounts there are."""
    return db.execute(select(func.count()).select_from(users)).scalar_one()


def verify_password(db: Connection, name: str, password: str) -> User | None:
    """The account, if the password is its own.  Takes as long for a name that does not exist."""
    row = _find(db, name)
    hashed = row.password_hash if row and row.has_password else _nobodys_hash()
    right = len(password) <= LONGEST_PASSWORD and _matches(hashed, password)
    return _user(row) if row and row.has_password and right else None


def set_password(db: Connection, user: User, password: str) -> None:
    """Give an account a password.  Raises NotAcceptable.  Call `end_other_ways_in` with it."""
    db.execute(update(users).where(users.c.id == user.id).values(password_hash=_hash(user.name, password)))


def make_link(db: Connection, user: str, lifetime: timedelta = LINK_LIFETIME) -> str:
    """A token that signs in the account of this name once.  Raises LookupError if there is none."""
    found = find_user(db, user)
    if found is None:
        raise LookupError(f"there is no account {user!r}")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = insert(sign_in_links).values(token_hash=_sha256(token), user_id=found.id, expires_at=func.now() + lifetime)
    db.execute(row)
    return token


def use_link(db: Connection, token: str) -> User | None:
    """The account that a link signs in, once; None when it was used, has expired or never was.

    The row goes with the use: of two browsers that come at once, one finds it gone.
    """
    mine = (sign_in_links.c.token_hash == _sha256(token)) & (sign_in_links.c.user_id == users.c.id)
    used = delete(sign_in_links).where(mine, sign_in_links.c.expires_at > func.now()).returning(*_USER)
    row = db.execute(used).first()
    return _user(row) if row else None


def start_session(db: Connection, user: User, lifetime: timedelta = SESSION_LIFETIME) -> str:
    """Sign a browser in.  Returns the token for its cookie.  Whatever has expired, of anybody, goes."""
    for table in (sessions, sign_in_links):
        db.execute(delete(table).where(table.c.expires_at <= func.now()))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    db.execute(insert(sessions).values(token_hash=_sha256(token), user_id=user.id, expires_at=func.now() + lifetime))
    return token


def find_session(db: Connection, token: str) -> Session | None:
    """Who this cookie is, or None when it has expired, was ended or never was."""
    fresh = sessions.c.expires_at > func.now() + (SESSION_LIFETIME - FRESH)
    found = (
        select(*_USER, fresh.label("fresh"))
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(sessions.c.token_hash == _sha256(token), sessions.c.expires_at > func.now())
    )
    row = db.execute(found).first()
    return Session(_user(row), row.fresh) if row else None


def end_session(db: Connection, token: str) -> None:
    """Sign a browser out."""
    db.execute(delete(sessions).where(sessions.c.token_hash == _sha256(token)))


def end_other_ways_in(db: Connection, user: User, token: str) -> None:
    """End the account's other sessions and unused links: its password has changed."""
    db.execute(delete(sessions).where(sessions.c.user_id == user.id, sessions.c.token_hash != _sha256(token)))
    db.execute(delete(sign_in_links).where(sign_in_links.c.user_id == user.id))


def _find(db: Connection, name: str) -> Row[Any] | None:
    try:
        tidy = tidy_name(name)
    except NotAcceptable:
        return None
    return db.execute(select(*_USER, users.c.password_hash).where(users.c.name == tidy)).first()


@cache
def _nobodys_hash() -> str:
    """Checked when there is no hash to check, so that an unknown name takes as long as a wrong password.

    Made when it is first needed: it costs as much as a sign-in, and every command would pay for it.
    """
    return _HASHER.hash(secrets.token_urlsafe(_TOKEN_BYTES))


def _hash(name: str, password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise NotAcceptable(f"A password has at least {SHORTEST_PASSWORD} characters: several words make a good one.")
    if name in password.casefold():
        raise NotAcceptable("A password does not contain the account's name.")
    return _HASHER.hash(_one_spelling(password))


def _matches(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, _one_spelling(password))
    except VerifyMismatchError:
        return False


def _one_spelling(password: str) -> str:
    """Keyboards compose letters differently; RFC 8265 asks for NFC."""
    return unicodedata.normalize("NFC", password)


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _user(row: Row[Any]) -> User:
    return User(row.id, row.name, tuple(row.roles), row.has_password)
