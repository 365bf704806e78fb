"""Accounts at an OpenID provider: known by issuer and subject, never by a name or address that may be given anew."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage import accounts
from storage.accounts import User

FIND = text("SELECT user_id, follows FROM identities WHERE issuer = :issuer AND subject = :subject")
LINK = text("""
    INSERT INTO identities (issuer, subject, user_id, follows) VALUES (:issuer, :subject, :user, :follows)
        ON CONFLICT (issuer, subject) DO NOTHING RETURNING user_id""")
COUNT = text("SELECT count(*) FROM identities WHERE user_id = :user")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider calls somebody."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Linked:
    """The account that it is here."""

    user: User
    follows: bool
    """was made for it, and has the roles that the provider's groups give"""


def find(db: Connection, identity: Identity) -> Linked | None:
    """The account of somebody at a provider."""
    row = db.execute(FIND, {"issuer": identity.issuer, "subject": identity.subject}).one_or_none()
    user = accounts.user_of(db, row.user_id) if row else None
    return Linked(user, row.follows) if row and user else None


def link(db: Connection, identity: Identity, user: User, *, follows: bool = False) -> bool:
    """From now on this is that account.  Returns whether it was nobody's before."""
    values = {"issuer": identity.issuer, "subject": identity.subject, "user": user.id, "follows": follows}
    return db.execute(LINK, values).first() is not None


def count(db: Connection, user: User) -> int:
    """How many accounts at providers are this one."""
    found: int = db.execute(COUNT, {"user": user.id}).scalar_one()
    return found
