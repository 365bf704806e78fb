"""`lastseen user`: accounts of the review pages, and tokens of programs.  What is done stands in the custody log."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer

from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.roles import Role
from lastseen.settings import Settings, settings
from pipeline import console
from pipeline.acting import Reason
from pipeline.app import local_actor
from pipeline.console import AsJson, Voice, plain, say
from pipeline.serving.house import START_PAGE
from storage import accounts, keeping_accounts, running
from storage.accounts import TOKEN_LIFETIME, Account, Token, User
from storage.database import Connection
from storage.stores import open_stores

app = typer.Typer(help="Accounts of the review pages, and tokens of programs.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens of programs that act as an account.", no_args_is_help=True)
app.add_typer(token_app, name="token")

Name = Annotated[str, typer.Argument(help="The account's name.")]
Roles = Annotated[list[Role], typer.Option("--role", help="May be given again.")]


@app.command()
def add(
    name: Name,
    role: Roles,
    by_link: Annotated[
        bool, typer.Option("--by-link", help="Ask for no password: print a link by which it is chosen.")
    ] = False,
) -> None:
    """Make an account for the review pages; the password is asked for."""
    password = None if by_link else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    with _accounts() as db:
        user = keeping_accounts.add(db, local_actor(), name, password, role)
        token = keeping_accounts.link(db, local_actor(), user) if by_link else None
    say(f"account {plain(user.name)} made")
    if token:
        _print_link(token)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show all accounts: roles, second factors, and who is signed in."""
    with _accounts() as db:
        found = accounts.listed(db, timedelta(minutes=settings().session_idle_minutes))
    rows = [
        (
            one.user.name,
            ", ".join(one.user.roles),
            "disabled" if one.user.disabled else "",
            "set" if one.second_factor else "",
            one.sessions or "",
        )
        for one in found
    ]
    voice = Voice(as_json)
    columns = ("name", "roles", "state", "second factor", "browsers")
    voice.show(console.table(f"{len(rows)} accounts", columns, rows))
    voice.result({"accounts": [_as_dict(one) for one in found]})


@app.command()
def link(name: Name) -> None:
    """Print a link that signs an account in once, within 15 minutes, on the pages that are being served."""
    with _accounts() as db:
        user = _named(db, name)
        if user.disabled:
            raise WrongUse(f"the account {user.name} is disabled: `lastseen user enable` before")
        token = keeping_accounts.link(db, local_actor(), user)
    _print_link(token)


@app.command()
def roles(name: Name, role: Roles, reason: Reason) -> None:
    """Give an account these roles and no others."""
    with _accounts() as db:
        user = keeping_accounts.roles(db, local_actor(), _named(db, name), role, reason)
    say(f"{plain(user.name)} is {', '.join(user.roles)} from now on")


@app.command()
def disable(name: Name, reason: Reason) -> None:
    """Let an account in no more; what it did stays under its name."""
    with _accounts() as db:
        keeping_accounts.disable(db, local_actor(), _named(db, name), reason)
    say(f"{plain(name)} is disabled, and signed out everywhere")


@app.command()
def enable(name: Name, reason: Reason) -> None:
    """Let a disabled account in again."""
    with _accounts() as db:
        keeping_accounts.enable(db, local_actor(), _named(db, name), reason)
    say(f"{plain(name)} may sign in again")


@app.command()
def unlock(name: Name) -> None:
    """Let an account try to sign in again at once, after too many wrong passwords or codes."""
    with _accounts() as db:
        keeping_accounts.unlock(db, local_actor(), _named(db, name))
    say(f"{plain(name)} may try again at once")


@app.command()
def reset_second_factor(name: Name, reason: Reason) -> None:
    """Take away the second factor of a lost telephone; see first that it is its owner who asks."""
    with _accounts() as db:
        keeping_accounts.reset_second_factor(db, local_actor(), _named(db, name), reason)
    say(f"{plain(name)} has no second factor any more, and is signed out everywhere")


@token_app.command("add")
def token_add(
    name: Name,
    purpose: Annotated[str, typer.Option("--for", help="What the token is for.")],
    role: Roles,
    days: Annotated[int, typer.Option("--days", help="For how long it lasts.", min=1)] = TOKEN_LIFETIME.days,
) -> None:
    """Print a token, once, with which a program acts as this account, with these of its roles."""
    with _accounts() as db:
        user = _named(db, name)
        if user.disabled:
            raise WrongUse(f"the account {user.name} is disabled: `lastseen user enable` before")
        token = keeping_accounts.make_token(db, local_actor(), user, purpose, role, timedelta(days=days))
    console.out.print(token)


@token_app.command("list")
def token_list(as_json: AsJson = False) -> None:
    """Show all tokens, also those that have ended; never the tokens themselves."""
    with _accounts() as db:
        found = accounts.tokens(db)
    rows = [
        (one.id, one.user, one.name, ", ".join(one.roles), iso(one.expires_at), "revoked" if one.revoked_at else "")
        for one in found
    ]
    voice = Voice(as_json)
    columns = ("id", "account", "for", "roles", "ends", "state")
    voice.show(console.table(f"{len(rows)} tokens", columns, rows))
    voice.result({"tokens": [_token_as_dict(one) for one in found]})


@token_app.command("revoke")
def token_revoke(id_: Annotated[int, typer.Argument(metavar="ID", help="Its id in `user token list`.")]) -> None:
    """End a token at once."""
    with _accounts() as db:
        if not keeping_accounts.revoke_token(db, local_actor(), id_):
            raise WrongUse(f"there is no token {id_} that has not been revoked: `lastseen user token list` shows them")
    say(f"token {id_} is revoked")


@contextmanager
def _accounts() -> Iterator[Connection]:
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        yield db


def _named(db: Connection, name: str) -> User:
    """Raises WrongUse."""
    found = accounts.find_user(db, name)
    if found is None:
        raise WrongUse(f"there is no account {name!r}: `lastseen user list` shows them")
    return found


def _print_link(token: str) -> None:
    console.out.print(f"{_address(settings())}/enter/{token}")


def _address(current: Settings) -> str:
    """Where browsers reach the pages: as the settings say, or where a running `lastseen up` serves them."""
    note = running.read(current.data_dir)
    if not current.review_url and note is not None and note.stands and note.review_port:
        return note.page.removesuffix(START_PAGE)
    return current.review_url or f"http://{current.review_host}:{current.review_port}"


def _as_dict(one: Account) -> dict[str, object]:
    return {
        "name": one.user.name,
        "roles": list(one.user.roles),
        "disabled": one.user.disabled,
        "has_password": one.user.has_password,
        "second_factor": one.second_factor,
        "sessions": one.sessions,
        "added_at": iso(one.added_at),
    }


def _token_as_dict(one: Token) -> dict[str, object]:
    return {
        "id": one.id,
        "account": one.user,
        "for": one.name,
        "roles": list(one.roles),
        "made_at": iso(one.made_at),
        "expires_at": iso(one.expires_at),
        "used_at": iso(one.used_at) if one.used_at else None,
        "revoked_at": iso(one.revoked_at) if one.revoked_at else None,
    }
