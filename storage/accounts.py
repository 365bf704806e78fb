"""Who may sign in to the review pages: accounts, their sessions, one-time links and tokens of programs.

Passwords are kept as argon2id hashes; of all tokens only the sha256 is kept.  Every expiry is the database's own
time.  No account has a password that nobody chose: one made without is entered by a link.  Accounts are disabled and
never deleted, since what was judged names them.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Interval,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from lastseen.errors import WrongUse
from lastseen.preferences import PREFERS_NOTHING, Preferences
from lastseen.roles import REVIEWERS, Role
from lastseen.words import words
from storage.tables import api_tokens, second_factors, sessions, sign_in_links, users

SESSION_LIFETIME = timedelta(hours=12)
"""a working day; afterwards one signs in again"""
SESSION_IDLE = timedelta(hours=1)
"""without a request; a form that is being filled in says that it is there"""
HALF_WAY = timedelta(minutes=15)
"""for so long the second factor may be given after the first"""
_SEEN_EVERY = timedelta(minutes=1)
"""so exact is what is known of when a session was last seen: not every picture writes a row"""
TOKEN_LIFETIME = timedelta(days=90)
LONGEST_TOKEN_LIFETIME = timedelta(days=366)
LONGEST_TOKEN_NAME = 100
_LONGEST_BROWSER = 200
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

TOKEN_PREFIX = "lastseen_"  # noqa: S105 - so that a token that got lost somewhere is known for what it is

_USER = (
    users.c.id,
    users.c.name,
    users.c.roles,
    (users.c.password_hash != _NO_PASSWORD).label("has_password"),
    users.c.disabled_at.is_not(None).label("disabled"),
    users.c.preferences,
)
_OF_SESSION = (
    sessions.c.id.label("session"),
    sessions.c.awaits,
    sessions.c.proved,
    sessions.c.begun_at,
    sessions.c.seen_at,
    sessions.c.expires_at,
    sessions.c.browser,
    sessions.c.address,
)


class NotAcceptable(WrongUse, ValueError):
    """A name or password that cannot be taken; the message says why, and may be shown to the person."""


class LastAdministrator(WrongUse):
    """Without this account nobody could keep accounts any more; the message may be shown to the person."""


class Awaits(StrEnum):
    """What a session waits for before it lets in anywhere."""

    NOTHING = ""
    CODE = "code"
    """of the second factor that the account has"""
    ENROLMENT = "enrolment"
    """of a second factor, which the office asks for and the account has not"""


@dataclass(frozen=True, slots=True)
class User:
    """One account."""

    id: int
    name: str
    roles: tuple[str, ...]
    has_password: bool
    disabled: bool = False
    """may not come in; what it did stays under its name"""
    preferences: Preferences = PREFERS_NOTHING
    not_lent: tuple[str, ...] = ()
    """of a program: roles of its account that its token has not; they let it in nowhere, and bind it all the same"""

    @property
    def judges(self) -> bool:
        """Whether somebody may be asked about faces: by the roles of the account, whichever of them a token has."""
        return bool(REVIEWERS & {*self.roles, *self.not_lent})


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser, or one program with a token."""

    user: User
    """of a program: with those of its account's roles only that the token has"""
    fresh: bool
    """began less than `FRESH` ago"""
    awaits: Awaits = Awaits.NOTHING
    """anything else: halfway in, and let in nowhere but there"""
    id: int = 0
    """row id of a browser's session"""
    token: int | None = None
    """row id of a program's token; None: a browser"""
    expires_at: datetime | None = None
    """at the latest"""
    proved: str = ""
    """by what it was begun: password, link, provider"""
    seen_at: datetime | None = None
    """of a browser, before this; within a minute"""


@dataclass(frozen=True, slots=True)
class Browser:
    """A session as its owner sees it in a list."""

    id: int
    begun_at: datetime
    seen_at: datetime
    """within a minute"""
    proved: str
    """by what it was begun: password, link, provider"""
    browser: str
    """as it calls itself"""
    address: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a program as it is listed; itself it is shown once."""

    id: int
    user: str
    name: str
    roles: tuple[str, ...]
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as administrators see it in a list."""

    user: User
    added_at: datetime
    second_factor: bool
    sessions: int
    seen_at: datetime | None
    """when one of the sessions that go on was last seen"""


def tidy_name(name: str) -> str:
    """The one spelling of an account's name (NFKC, lower case).  Raises NotAcceptable.

    Letters and digits of any script, and `. _ - @`: it stands in the custody log and must not imitate another text.
    """
    tidy = unicodedata.normalize("NFKC", name).casefold().strip()
    if not 0 < len(tidy) <= LONGEST_NAME:
        raise NotAcceptable(words("A name has 1 to {most} characters.", most=LONGEST_NAME))
    if not all(char.isalnum() or char in _NAME_SIGNS for char in tidy):
        raise NotAcceptable(words("A name consists of letters, digits and . _ - @ only."))
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
        raise NotAcceptable(words("There is already an account {name}.", name=repr(tidy))) from taken


def find_user(db: Connection, name: str) -> User | None:
    """The account of this name, in any spelling that `tidy_name` makes one."""
    row = _find(db, name)
    return _user(row) if row else None


def user_of(db: Connection, id_: int) -> User | None:
    """The account with this row id."""
    row = db.execute(select(*_USER).where(users.c.id == id_)).first()
    return _user(row) if row else None


def count_users(db: Connection) -> int:
    """How many accounts there are."""
    return db.execute(select(func.count()).select_from(users)).scalar_one()


def verify_password(db: Connection, name: str, password: str) -> User | None:
    """The account, if the password is its own.  Takes as long for a name that does not exist."""
    row = _find(db, name)
    hashed = row.password_hash if row and row.has_password else _nobodys_hash()
    right = len(password) <= LONGEST_PASSWORD and _matches(hashed, password)
    return _user(row) if row and row.has_password and right and not row.disabled else None


def set_password(db: Connection, user: User, password: str) -> None:
    """Give an account a password.  Raises NotAcceptable.  Call `end_other_ways_in` with it."""
    db.execute(update(users).where(users.c.id == user.id).values(password_hash=_hash(user.name, password)))


def make_link(db: Connection, user: str, lifetime: timedelta = LINK_LIFETIME) -> str:
    """A token that signs in the account of this name once.  Raises LookupError if there is none."""
    found = find_user(db, user)
    if found is None:
        raise LookupError(f"there is no account {user!r}")
    if found.disabled:
        raise LookupError(f"the account {user!r} is disabled: `lastseen user enable` before")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = insert(sign_in_links).values(token_hash=_sha256(token), user_id=found.id, expires_at=func.now() + lifetime)
    db.execute(row)
    return token


def use_link(db: Connection, token: str) -> User | None:
    """The account that a link signs in, once; None when it was used, has expired or never was.

    The row goes with the use: of two browsers that come at once, one finds it gone.
    """
    row = db.execute(delete(sign_in_links).where(_valid_link(token)).returning(*_USER)).first()
    return _user(row) if row else None


def link_works(db: Connection, token: str) -> bool:
    """Whether a link would sign somebody in now.  Asking does not use it."""
    return db.execute(select(exists().where(_valid_link(token)))).scalar_one()


def _valid_link(token: str) -> ColumnElement[bool]:
    mine = (sign_in_links.c.token_hash == _sha256(token)) & (sign_in_links.c.user_id == users.c.id)
    return and_(mine, sign_in_links.c.expires_at > func.now(), users.c.disabled_at.is_(None))


def start_session(
    db: Connection,
    user: User,
    lifetime: timedelta = SESSION_LIFETIME,
    *,
    awaits: Awaits = Awaits.NOTHING,
    proved: str = "",
    browser: str = "",
    address: str = "",
) -> str:
    """Sign a browser in.  Returns the token for its cookie.  Whatever has expired, of anybody, goes.

    One that still `awaits` something lasts for `HALF_WAY` at most.
    """
    for table in (sessions, sign_in_links):
        db.execute(delete(table).where(table.c.expires_at <= func.now()))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = {
        "token_hash": _sha256(token),
        "user_id": user.id,
        "expires_at": func.now() + (min(lifetime, HALF_WAY) if awaits else lifetime),
        "awaits": awaits.value,
        "proved": proved,
        "browser": browser[:_LONGEST_BROWSER],
        "address": address,
    }
    db.execute(insert(sessions).values(**row))
    return token


def go_on(db: Connection, token: str, lifetime: timedelta = SESSION_LIFETIME) -> str | None:
    """The second factor was given too: let the browser in, with a token that nobody had before.  Returns it.

    None: the session ended meanwhile, or went on already.
    """
    new = secrets.token_urlsafe(_TOKEN_BYTES)
    values = {"token_hash": _sha256(new), "awaits": "", "begun_at": func.now(), "seen_at": func.now()}
    mine = and_(sessions.c.token_hash == _sha256(token), sessions.c.awaits != "")
    went = db.execute(update(sessions).where(mine).values(**values, expires_at=func.now() + lifetime))
    return new if went.rowcount == 1 else None


def find_session(db: Connection, token: str, idle: timedelta = SESSION_IDLE, *, counts: bool = True) -> Session | None:
    """Who this cookie is, or None when it has expired, was ended, has not been seen for `idle`, or never was.

    Also one that still awaits something: whoever asks has to look at `awaits`.  `counts`: it is a sign of life, and
    not only a page that asks by itself.
    """
    row = db.execute(_find_session(), {"token_hash": _sha256(token), "idle": idle}).first()
    if row is None:
        return None
    if counts and row.unseen:
        db.execute(update(sessions).where(sessions.c.id == row.session).values(seen_at=func.now()))
    awaits = Awaits(row.awaits)
    return Session(_user(row), row.fresh, awaits, row.session, None, row.expires_at, row.proved, row.seen_at)


def holder(db: Connection, session: int, idle: timedelta = SESSION_IDLE) -> User | None:
    """Who is signed in, and not only halfway, by the session of this row id; None: it has ended."""
    mine = and_(sessions.c.id == session, sessions.c.awaits == "", users.c.disabled_at.is_(None))
    found = select(*_USER).join(sessions, sessions.c.user_id == users.c.id).where(mine, *_goes_on(idle))
    row = db.execute(found).first()
    return _user(row) if row else None


def browsers(db: Connection, user: User, idle: timedelta = SESSION_IDLE) -> list[Browser]:
    """Where an account is signed in, the newest first."""
    mine = select(*_OF_SESSION).where(sessions.c.user_id == user.id, sessions.c.awaits == "", *_goes_on(idle))
    rows = db.execute(mine.order_by(sessions.c.id.desc()))
    return [Browser(row.session, row.begun_at, row.seen_at, row.proved, row.browser, row.address) for row in rows]


def end_browser(db: Connection, user: User, session: int) -> bool:
    """Sign out one of an account's browsers.  Returns whether it was signed in."""
    mine = and_(sessions.c.id == session, sessions.c.user_id == user.id)
    return db.execute(delete(sessions).where(mine)).rowcount == 1


def end_everywhere(db: Connection, user: User) -> int:
    """Sign an account out of all browsers.  Returns how many there were."""
    return db.execute(delete(sessions).where(sessions.c.user_id == user.id)).rowcount


def end_session(db: Connection, token: str) -> None:
    """Sign a browser out."""
    db.execute(delete(sessions).where(sessions.c.token_hash == _sha256(token)))


def end_other_ways_in(db: Connection, user: User, token: str) -> None:
    """End the account's other sessions and unused links: its password has changed."""
    db.execute(delete(sessions).where(sessions.c.user_id == user.id, sessions.c.token_hash != _sha256(token)))
    db.execute(delete(sign_in_links).where(sign_in_links.c.user_id == user.id))


# --- what administrators do --------------------------------------------------------------------------------


def listed(db: Connection, idle: timedelta = SESSION_IDLE) -> list[Account]:
    """All accounts, by name."""
    mine = and_(sessions.c.user_id == users.c.id, sessions.c.awaits == "", *_goes_on(idle))
    counted = select(func.count()).select_from(sessions).where(mine).scalar_subquery()
    seen = select(func.max(sessions.c.seen_at)).where(mine).scalar_subquery()
    factor = exists().where(second_factors.c.user_id == users.c.id, second_factors.c.confirmed_at.is_not(None))
    columns = (users.c.added_at, factor.label("factor"), counted.label("browsers"), seen.label("seen"))
    rows = db.execute(select(*_USER, *columns).order_by(users.c.name))
    return [Account(_user(row), row.added_at, row.factor, row.browsers, row.seen) for row in rows]


def set_roles(db: Connection, user: User, roles: Collection[str]) -> User:
    """Give an account these roles and no others.  Raises LastAdministrator.

    Whoever gets a role that they had not signs in anew: it may ask for a second factor, which they have not given.
    """
    if Role.ADMINISTRATOR not in roles:
        _another_administrator(db, user)
    if not set(roles) <= set(user.roles):
        end_everywhere(db, user)
    in_order = [role.value for role in Role if role in roles]
    db.execute(update(users).where(users.c.id == user.id).values(roles=in_order))
    return replace(user, roles=tuple(in_order))


def disable(db: Connection, user: User) -> bool:
    """Let an account in no more: its sessions and links end, its tokens are revoked.  Returns whether it was not so.

    Raises LastAdministrator.
    """
    _another_administrator(db, user)
    for table in (sessions, sign_in_links):
        db.execute(delete(table).where(table.c.user_id == user.id))
    revoked = update(api_tokens).where(api_tokens.c.user_id == user.id, api_tokens.c.revoked_at.is_(None))
    db.execute(revoked.values(revoked_at=func.now()))
    mine = update(users).where(users.c.id == user.id, users.c.disabled_at.is_(None))
    return db.execute(mine.values(disabled_at=func.now())).rowcount == 1


def enable(db: Connection, user: User) -> bool:
    """Let an account in again.  Returns whether it was disabled."""
    mine = update(users).where(users.c.id == user.id, users.c.disabled_at.is_not(None))
    return db.execute(mine.values(disabled_at=None)).rowcount == 1


def set_preferences(db: Connection, user: User, preferences: Preferences) -> None:
    """Keep what somebody prefers."""
    db.execute(update(users).where(users.c.id == user.id).values(preferences=preferences.as_dict()))


# --- programs ----------------------------------------------------------------------------------------------


def make_token(
    db: Connection, user: User, name: str, roles: Iterable[str], lifetime: timedelta = TOKEN_LIFETIME
) -> str:
    """A token for a program that acts as this account, with some of its roles.  Returns it: it is shown this once.

    Raises NotAcceptable.
    """
    asked = list(dict.fromkeys(map(str, roles)))
    lacking = [role for role in asked if role not in user.roles]
    if not asked or lacking:
        raise NotAcceptable(
            f"A token has at least one role, of those of its account: not {', '.join(lacking) or 'none'}."
        )
    if not 0 < len(name.strip()) <= LONGEST_TOKEN_NAME:
        raise NotAcceptable(words("Say in 1 to {most} characters what the token is for.", most=LONGEST_TOKEN_NAME))
    if not timedelta() < lifetime <= LONGEST_TOKEN_LIFETIME:
        raise NotAcceptable(words("A token lasts for 1 to {days} days.", days=LONGEST_TOKEN_LIFETIME.days))
    token = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    row = {"user_id": user.id, "name": name.strip(), "roles": asked, "expires_at": func.now() + lifetime}
    db.execute(insert(api_tokens).values(token_hash=_sha256(token), **row))
    return token


def find_token(db: Connection, token: str) -> Session | None:
    """Whom a program with this token acts as; None when it has expired, was revoked or never was.

    It has the roles that are both the token's and, at this moment, the account's.
    """
    mine = and_(
        api_tokens.c.token_hash == _sha256(token),
        api_tokens.c.expires_at > func.now(),
        api_tokens.c.revoked_at.is_(None),
        users.c.disabled_at.is_(None),
    )
    unseen = or_(api_tokens.c.used_at.is_(None), api_tokens.c.used_at < func.now() - _SEEN_EVERY)
    columns = (api_tokens.c.id.label("token"), api_tokens.c.roles.label("lent"), api_tokens.c.expires_at)
    found = select(*_USER, *columns, unseen.label("unseen")).join(api_tokens, api_tokens.c.user_id == users.c.id)
    row = db.execute(found.where(mine)).first()
    if row is None:
        return None
    if row.unseen:
        db.execute(update(api_tokens).where(api_tokens.c.id == row.token).values(used_at=func.now()))
    user = _user(row)
    lent, kept = (tuple(role for role in user.roles if (role in row.lent) is so) for so in (True, False))
    program = replace(user, roles=lent, not_lent=kept)
    return Session(program, fresh=False, token=row.token, expires_at=row.expires_at)


def tokens(db: Connection, user: User | None = None) -> list[Token]:
    """The tokens of an account, or of all, the newest first; also those that have ended."""
    columns = [column for column in api_tokens.c if column.name not in {"user_id", "token_hash"}]
    every = select(users.c.name.label("user"), *columns).join(users, api_tokens.c.user_id == users.c.id)
    rows = db.execute(every.where(api_tokens.c.user_id == user.id) if user else every).mappings().all()
    return sorted((Token(**{**row, "roles": tuple(row["roles"])}) for row in rows), key=lambda one: -one.id)


def revoke_token(db: Connection, id_: int, user: User | None = None) -> bool:
    """End a token, of this account where one is given.  Returns whether it had not ended."""
    mine = update(api_tokens).where(api_tokens.c.id == id_, api_tokens.c.revoked_at.is_(None))
    mine = mine.where(api_tokens.c.user_id == user.id) if user else mine
    return db.execute(mine.values(revoked_at=func.now())).rowcount == 1


@cache
def _find_session() -> Select[Any]:
    """Made once: it is asked at each request."""
    return (
        select(*_USER, *_OF_SESSION, _fresh(), (sessions.c.seen_at < func.now() - _SEEN_EVERY).label("unseen"))
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(
            sessions.c.token_hash == bindparam("token_hash"),
            users.c.disabled_at.is_(None),
            *_goes_on(bindparam("idle", type_=Interval)),
        )
    )


def _goes_on(idle: timedelta | BindParameter[timedelta]) -> Sequence[Any]:
    """Conditions under which a session has not ended."""
    return (sessions.c.expires_at > func.now(), sessions.c.seen_at > func.now() - idle)


def _fresh() -> Any:
    return (sessions.c.begun_at > func.now() - FRESH).label("fresh")


def _another_administrator(db: Connection, user: User) -> None:
    """Raises LastAdministrator if nobody else could keep accounts.

    The administrators' rows are locked in one order: of two who take the role from each other, one waits and is told.
    """
    keeps = and_(users.c.roles.contains([Role.ADMINISTRATOR.value]), users.c.disabled_at.is_(None))
    found = db.execute(select(users.c.id).where(keeps).order_by(users.c.id).with_for_update()).scalars().all()
    if list(found) == [user.id]:
        raise LastAdministrator(words("{name} is the last administrator: make another one before.", name=user.name))


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
        raise NotAcceptable(
            words("A password has at least {least} characters: several words make a good one.", least=SHORTEST_PASSWORD)
        )
    if name in password.casefold():
        raise NotAcceptable(words("A password does not contain the account's name."))
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
    return User(row.id, row.name, tuple(row.roles), row.has_password, row.disabled, Preferences.kept(row.preferences))
