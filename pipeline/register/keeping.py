"""What the register keeper does to an entry, with everything that follows from it."""

from collections.abc import Iterable

from pipeline.app import App
from pipeline.console import plain
from pipeline.duties import retention, template_files
from pipeline.register import check_photos
from storage import custody, findings, register, statements, sweeps
from storage import retention as going
from storage.register import Removed
from storage.sealed_blocks import Origin
from storage.statements import Said
from storage.statuses import Kept


def remove_photo(app: App, number: str, written: str, reason: str, actor: str) -> Removed:
    """Take a photo (row id or file name) away from an entry: template, object and crop go, and it stays removed.

    Candidates that it had found are withdrawn; the person's other photos are compared anew at the next match, and
    what they find comes back.  Raises WrongUse; storage.objects.StoreUnavailable when the template is gone and the
    object is left for `lastseen retention`.
    """
    engine = app.steps.engine
    with app.stores.db.begin() as db:
        photo, done, entries = register.remove_photo(db, number, written, reason, actor, app.settings.people_per_track)
        people = sorted({done.person, *findings.beside(db, [photo])})
        findings.look_again(db, engine, people)
        sweeps.ask(db, engine, done.others)
        custody.append_all(db, actor, entries)
    with app.stores.db.begin() as db:
        retention.take(app, db, going.removed(db, photo))
    template_files.sweep(app, Origin.PHOTO)
    app.runner.drain(app.steps.by_name[check_photos.NAME], people)
    return done


def close(app: App, number: str, said: Said, reason: str, actor: str) -> Kept:
    """Somebody was found, or the entry is withdrawn: templates go, open candidates close.

    Returns what that did.  Raises WrongUse.
    """
    with app.stores.db.begin() as db:
        kept, entries = register.close(db, number, said, reason, actor, app.settings.people_per_track)
        custody.append_all(db, actor, entries)
    template_files.sweep(app, Origin.PHOTO)
    return kept


def state(app: App, number: str, said: Said, actor: str) -> tuple[int, Kept]:
    """Write down what somebody says of a person's fate; if it sets a status, all that follows from it.

    Returns the statement's row id, and what it did.  Raises WrongUse.
    """
    with app.stores.db.begin() as db:
        made, kept, entries = statements.enter(db, number, said, actor, app.settings.people_per_track)
        custody.append_all(db, actor, entries)
    if kept.changed:
        template_files.sweep(app, Origin.PHOTO)
    return made, kept


def of_others(numbers: Iterable[str]) -> str:
    """What whoever ended the search by one entry is told of the other entries of that person."""
    entries = ", ".join(plain(number) for number in numbers)
    return f"the same person is {entries}, and still searched for by that: each entry has its own status"


def take_back(app: App, statement: int, reason: str, actor: str) -> Kept:
    """Have a statement (row id) count for nothing any more.  Returns what that did.  Raises WrongUse."""
    with app.stores.db.begin() as db:
        kept, entries = statements.withdraw(db, statement, reason, actor, app.settings.people_per_track)
        custody.append_all(db, actor, entries)
    if kept.changed:
        template_files.sweep(app, Origin.PHOTO)
    return kept
