"""What is done to accounts by those who keep them, on the pages and the command line alike: each act with its event.

Call each in a transaction of its own: the custody event comes last in it.
"""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Connection

from lastseen.errors import WrongUse
from lastseen.words import words
from storage import accounts, custody, lockouts, second_factors
from storage.accounts import TOKEN_LIFETIME, User
from storage.custody import Action


class Unfounded(WrongUse, ValueError):
    """An act that has to have a reason came without; the message may be shown to the person."""


LONGEST_REASON = 2000
"""characters"""


def add(db: Connection, actor: str, name: str, password: str | None, roles: Collection[str]) -> User:
    """Make an account.  Raises accounts.NotAcceptable."""
    if not roles:
        raise accounts.NotAcceptable(words("An account has at least one role."))
    user = accounts.add_user(db, name, password, roles)
    custody.append(db, actor, Action.ACCOUNT_ADDED, _subject(user), {"roles": sorted(roles)})
    return user


def link(db: Connection, actor: str, user: User) -> str:
    """The token of a link that signs the account in once.  Raises LookupError if it is disabled."""
    token = accounts.make_link(db, user.name)
    custody.append(db, actor, Action.LINK_MADE, _subject(user))
    return token


def roles(db: Connection, actor: str, user: User, wanted: Collection[str], reason: str) -> User:
    """Give an account these roles and no others.  Raises Unfounded, accounts.LastAdministrator."""
    why = founded(reason)
    changed = accounts.set_roles(db, user, wanted)
    detail = {"before": sorted(user.roles), "roles": sorted(changed.roles)}
    custody.append(db, actor, Action.ROLES_CHANGED, _subject(user), detail, why)
    return changed


def disable(db: Connection, actor: str, user: User, reason: str) -> None:
    """Let an account in no more.  Raises Unfounded, accounts.LastAdministrator; WrongUse if it is disabled."""
    why = founded(reason)
    if not accounts.disable(db, user):
        raise WrongUse(words("{name} is disabled already.", name=user.name))
    custody.append(db, actor, Action.DISABLED, _subject(user), reason=why)


def enable(db: Connection, actor: str, user: User, reason: str) -> None:
    """Let an account in again.  Raises Unfounded; WrongUse if it is not disabled."""
    why = founded(reason)
    if not accounts.enable(db, user):
        raise WrongUse(words("{name} is not disabled.", name=user.name))
    custody.append(db, actor, Action.ENABLED, _subject(user), reason=why)


def unlock(db: Connection, actor: str, user: User) -> None:
    """Let an account try to sign in again at once.  Raises WrongUse if nothing holds it up."""
    if not lockouts.unlock(db, user.name, user.id):
        raise WrongUse(words("{name} is not locked: nobody tried in vain of late.", name=user.name))
    custody.append(db, actor, Action.UNLOCKED, _subject(user))


def reset_second_factor(db: Connection, actor: str, user: User, reason: str) -> None:
    """Take an account's second factor away, and sign it out.  Raises Unfounded; WrongUse if it has none."""
    why = founded(reason)
    if not second_factors.reset(db, user):
        raise WrongUse(words("{name} has no second factor.", name=user.name))
    accounts.end_everywhere(db, user)
    custody.append(db, actor, Action.SECOND_FACTOR_RESET, _subject(user), reason=why)


def make_token(
    db: Connection, actor: str, user: User, name: str, lent: Collection[str], lifetime: timedelta = TOKEN_LIFETIME
) -> str:
    """A token for a program that acts as this account; it is shown this once.  Raises accounts.NotAcceptable."""
    token = accounts.make_token(db, user, name, lent, lifetime)
    detail = {"days": lifetime.days, "for": name.strip(), "roles": sorted(lent)}
    custody.append(db, actor, Action.TOKEN_MADE, _subject(user), detail)
    return token


def revoke_token(db: Connection, actor: str, id_: int, user: User | None = None) -> bool:
    """End a token.  Returns whether it had not ended, and is the account's where one is given."""
    if not accounts.revoke_token(db, id_, user):
        return False
    custody.append(db, actor, Action.TOKEN_REVOKED, f"token:{id_}")
    return True


def founded(reason: str) -> str:
    """Raises Unfounded."""
    tidy = reason.strip()
    if not 0 < len(tidy) <= LONGEST_REASON:
        raise Unfounded(
            words("Say why, in {most} characters at most, for whoever reads the log in ten years.", most=LONGEST_REASON)
        )
    return tidy


def _subject(user: User) -> str:
    return f"user:{user.id}"
