"""Who decides, why, and what the custody log says of it: the frame of every command that decides something."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated

import typer

from lastseen.errors import WrongUse
from lastseen.settings import settings
from pipeline.app import local_actor
from storage import accounts, custody
from storage.custody import Entry
from storage.database import Connection
from storage.stores import Stores, open_stores

Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the custody log.")]
As = Annotated[
    str, typer.Option("--as", metavar="ACCOUNT", help="Act as this account of the review pages; asks for its password.")
]


@dataclass(frozen=True, slots=True)
class Decision:
    """One that is being made: all of it in one transaction, and none of it if anything is raised."""

    db: Connection
    actor: str
    """who makes it, for the custody log"""
    entries: list[Entry] = field(default_factory=list)
    """what the log is to say of it"""

    def log(self, entries: Iterable[Entry]) -> None:
        """Have the custody log say this, when all else is done."""
        self.entries.extend(entries)


@contextmanager
def deciding(account: str, stores: Stores | None = None) -> Iterator[Decision]:
    """Open the installation, unless it is open; have who decides prove it; log what was decided last, and commit.

    `account`: see `actor`.  Raises WrongUse.
    """
    with nullcontext(stores) if stores else open_stores(settings(), objects=False) as opened:
        who = actor(opened, account)
        with opened.db.begin() as db:
            decision = Decision(db, who)
            yield decision
            custody.append_all(db, who, decision.entries)


def actor(stores: Stores, account: str) -> str:
    """Who acts: the machine's user, or an account that proves itself by its password.  Raises WrongUse.

    No transaction is open while somebody types.
    """
    if not account:
        return local_actor()
    password = typer.prompt(f"Password of {account}", hide_input=True, err=True)
    with stores.db.begin() as db:
        found = accounts.verify_password(db, account, password)
    if found is None:
        raise WrongUse("the account or the password is not right: `lastseen user add` makes accounts")
    return found.name


def said(reason: str, what: str = "--reason") -> str:
    """Raises WrongUse."""
    if not reason.strip():
        raise WrongUse(f"{what} is empty: say why, for whoever reads the log in ten years")
    return reason.strip()
