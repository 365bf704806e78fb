"""`lastseen telegram`: the office's own accounts."""

from typing import Annotated

import typer

from extractors.telegram.line import Access
from extractors.telegram.login import log_in
from lastseen.clock import iso
from lastseen.settings import settings
from pipeline import console
from pipeline.app import local_actor
from pipeline.console import AsJson, Voice, plain, say
from storage import alerts, office_keys, telegram_accounts
from storage.stores import open_stores

app = typer.Typer(help="The office's accounts on Telegram, which only ever read.", no_args_is_help=True)


@app.command()
def login(
    name: Annotated[str, typer.Argument(help="What to call the account here.")],
    phone: Annotated[
        str | None, typer.Option("--phone", help="With + and the country's code; asked for unless given.")
    ] = None,
) -> None:
    """Log an account in; its session is kept encrypted.  The code, and the password if there is one, are asked for."""
    current = settings()
    access = Access.of(current)
    with open_stores(current, objects=False) as stores:
        with stores.db.begin() as db:
            key = office_keys.secrets(db, current)  # before somebody types a code that works once
        number = phone or typer.prompt("Phone", err=True)
        entered = log_in(
            access,
            number,
            code=lambda: typer.prompt("Code that Telegram has sent", err=True),
            password=lambda: typer.prompt("Password", hide_input=True, err=True),
        )
        with stores.db.begin() as db:
            made = telegram_accounts.add(db, name, entered.user_id, entered.session, key, local_actor())
            alerts.end(db, alerts.ACCOUNT_LOST, f"telegram account:{made}")
    say(f"account {plain(name)} reads Telegram now")


@app.command()
def accounts(as_json: AsJson = False) -> None:
    """Show the accounts: which read, and which Telegram lets in no more."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = telegram_accounts.every(db)
    rows = [(one.id, one.name, one.refusal or "reads", one.chats, iso(one.waits) if one.waits else "") for one in found]
    names = ("id", "name", "state", "chats", "waits until")
    voice = Voice(as_json)
    voice.show(console.table(f"{len(rows)} accounts", names, rows))
    voice.result({"accounts": [dict(zip(names, row, strict=True)) for row in rows]})
