"""`lastseen custody`: the signed heads of the custody log."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lastseen.clock import iso
from lastseen.errors import Failure, WrongUse
from lastseen.settings import Settings, settings
from pipeline.acting import said
from pipeline.app import local_actor
from pipeline.console import AsJson, Voice, plain, say
from pipeline.custody import signing, witnessing
from pipeline.custody.signing import Signed
from pipeline.custody.witnessing import Answer, Asked
from storage import chain_checks, custody_keys, heads
from storage.chain_checks import StoredHeads
from storage.custody import Incident
from storage.database import Connection
from storage.notes import BadNote, Signer
from storage.objects import StoreUnavailable
from storage.stores import Stores, open_stores

app = typer.Typer(help="The custody log: its signed heads, their key, and witnesses.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="Files with a head.", exists=True, dir_okay=False)]


@app.command()
def sign(as_json: AsJson = False) -> None:
    """Sign the head of the log if it has grown, and ask the witnesses to cosign it."""
    with open_stores(settings()) as stores:
        signed, asked = sign_and_ask(settings(), stores)
    Voice(as_json).result(as_result(signed, asked), told(signed, asked))
    refused = [one.name for one in asked if one.answer is Answer.REFUSED]
    if refused:
        raise Failure(
            f"{', '.join(refused)}: a witness says that the log does not extend what it saw (docs/operate.md)"
        )


def sign_and_ask(current: Settings, stores: Stores) -> tuple[Signed, Sequence[Asked]]:
    """Sign, and ask every witness.  Raises as `signing.sign` does."""
    signed = signing.sign(current, stores)
    return signed, witnessing.ask_all(current, stores, signed.head)


def sign_after(current: Settings, stores: Stores) -> None:
    """The same at the end of other work, which stands whatever comes of it, and is not failed by a store that is away.

    Raises CannotSign: nobody should have to look for that.
    """
    try:
        for line in told(*sign_and_ask(current, stores)):
            say(line)
    except StoreUnavailable as fault:
        say(f"custody: not signed now: {plain(str(fault))}")


def as_result(signed: Signed, asked: Sequence[Asked]) -> dict[str, object]:
    """For scripts."""
    return {
        "size": signed.head.size if signed.head else 0,
        "fresh": signed.fresh,
        "witnesses": [{"name": one.name, "answer": one.answer, "said": one.said} for one in asked],
    }


def told(signed: Signed, asked: Sequence[Asked]) -> Sequence[str]:
    """For people."""
    if signed.head is None:
        return ["custody: nothing was logged yet, nothing is signed"]
    what = "signed now" if signed.fresh else f"signed {iso(signed.head.checkpoint.at)}, and has not grown since"
    head = f"custody: the log of {signed.head.size} events was {what}"
    return [head, *(f"witness {plain(one.name)}: {one.answer} {plain(one.said)}".rstrip() for one in asked)]


@app.command()
def key(as_json: AsJson = False) -> None:
    """Print the public key: write it down outside this machine, and give it to witnesses and to whoever checks."""
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        last = heads.newest(db)
        name = heads.origin(db, current.log_name)
    if name == "lastseen/":
        raise Failure("nothing was logged yet, so the log has no name: set LASTSEEN_LOG_NAME, or come back later")
    public = Signer(name, custody_keys.private_key(current, make=last is None)).verifier()
    where = custody_keys.key_file(current)
    voice = Voice(as_json)
    voice.result({"key": str(public), "file": str(where)}, [plain(str(public))])
    voice.advise(
        f"Its private half is {plain(str(where))}: keep a copy on another medium than the database. Write the line"
        " above down where nobody who can change this machine can change it: on paper, in the file of the case, at the"
        " witnesses. Whoever rewrites the log cannot sign it with that key."
    )


@app.command()
def head(
    since: Annotated[
        int | None,
        typer.Option("--from", help="Events that the witness has seen; unset: what the first witness cosigned.", min=0),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write it to this file, instead of printing it.")] = None,
) -> None:
    """Print what is carried by hand to a witness: the newest signed head, and the proof that it extends another."""
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        newest = heads.newest(db)
        if newest is None:
            raise Failure("no head was signed yet: `lastseen custody sign`")
        old = _seen(current, db) if since is None else since
        if old > newest.size:
            raise WrongUse(f"the newest head is over {newest.size} events: --from says {old}")
        content = witnessing.request_by_hand(db, newest, old)
    _write(content, to)


def _seen(current: Settings, db: Connection) -> int:
    witnesses = custody_keys.witnesses(current)
    return heads.witnessed(db, witnesses[0].key) if witnesses else 0


@app.command()
def cosigned(
    file: Annotated[
        Path, typer.Argument(help="What `lastseen witness sign` has written.", exists=True, dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Keep what a witness has cosigned by hand."""
    current = settings()
    with open_stores(current) as stores:
        taken = witnessing.take(current, stores, file.read_bytes())
    names = [one.name for one in taken]
    Voice(as_json).result({"witnesses": names}, [f"kept: cosigned by {plain(', '.join(names))}"])


@app.command()
def check(files: Files, as_json: AsJson = False) -> None:
    """Hold heads that somebody has kept (a witness, a letter, a file) against the log, and follow all of it."""
    current = settings()
    given = {str(path): path.read_text(errors="replace") for path in files}
    with open_stores(current) as stores:
        try:
            stored = StoredHeads.read(stores.objects).beside(given)
        except BadNote as fault:
            raise WrongUse(f"this is no signed head: {fault}") from fault
        with stores.db.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as db:
            links = chain_checks.follow(db, stored, custody_keys.trusted(current))
            found = [link for link in links if isinstance(link, Incident)]
    Voice(as_json).result(
        {"ok": not found, "incidents": [{"what": one.what, "where": one.where} for one in found]},
        [f"[red]{plain(one.where)}[/]: {plain(one.what)}" for one in found] or ["the log extends every one of them"],
    )
    if found:
        raise Failure(f"{len(found)} incidents: the log is not what was signed")


@app.command()
def rotate(
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the log for ever.")],
    lost: Annotated[bool, typer.Option("--lost", help="The present key is gone: the new one signs alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a new key: an event announces it, and a head is signed by both."""
    current, why = settings(), said(reason)
    with open_stores(current) as stores:
        made = signing.rotate(current, stores, local_actor(), why, lost=lost)
    retired = f"The one before is {plain(str(made.retired))}: destroy it, and its copies." if made.retired else ""
    voice = Voice(as_json)
    voice.result({"key": str(made.key), "retired": str(made.retired or "")}, [plain(str(made.key))])
    voice.advise(f"Write this down beside the key before it, and tell every witness. {retired}".rstrip())


def _write(content: bytes, to: Path | None) -> None:
    if to is None:
        sys.stdout.write(content.decode())
        return
    try:
        with to.open("xb") as file:
            file.write(content)
    except OSError as fault:
        raise WrongUse(f"{to} cannot be written ({fault.strerror}): name a file that is not there yet") from fault
