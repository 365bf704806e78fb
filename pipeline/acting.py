"""Who acts, and why: what commands ask of those who decide something."""

from typing import Annotated

import typer

from lastseen.errors import WrongUse
from pipeline.app import local_actor
from storage import accounts
from storage.database import Connection

Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the custody log.")]
As = Annotated[
    str, typer.Option("--as", metavar="ACCOUNT", help="Act as this account of the review pages; asks for its password.")
]


def actor(db: Connection, account: str) -> str:
    """Who acts: the machine's user, or an account that proves itself by its password.  Raises WrongUse."""
    if not account:
        return local_actor()
    found = accounts.verify_password(db, account, typer.prompt(f"Password of {account}", hide_input=True, err=True))
    if found is None:
        raise WrongUse("the account or the password is not right: `lastseen user add` makes accounts")
    return found.name


def said(reason: str, what: str = "--reason") -> str:
    """Raises WrongUse."""
    if not reason.strip():
        raise WrongUse(f"{what} is empty: say why, for whoever reads the log in ten years")
    return reason.strip()
