"""`lastseen register import`: an office's list and photos into the register, photo by photo checked."""

import hashlib
import mimetypes
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lastseen.errors import Failure, WrongUse
from lastseen.outcomes import Fault, ObjectToStore
from lastseen.records import PersonEntry, TieKind
from pipeline.app import App
from pipeline.duties import template_files
from pipeline.jobs import Scope, execute, journal
from pipeline.register import files
from pipeline.register.files import NotARegister, Refusal, Unfit, printable
from storage import custody, keys, refusals, register, ties
from storage.custody import Action, Entry
from storage.objects import REGISTER, Stored
from storage.register import BODY, Origin, PhotoFate
from storage.sealed_blocks import Origin as Block
from storage.statuses import Kept
from storage.ties import NotTied

KIND = "register"
TIE_COLUMN = {TieKind.KIN: "kin", TieKind.SAME: "same_as"}
"""what a file calls them"""


@dataclass(slots=True)
class Imported:
    """What one import did."""

    people: int = 0
    new_people: int = 0
    changed_people: int = 0
    photos: int = 0
    new_photos: int = 0
    refused: list[Refusal] = field(default_factory=list)
    """rows, photos and files that were left out, each with its reason"""
    photo_ids: list[int] = field(default_factory=list)
    ties: int = 0
    """that are new"""
    fewer: int = 0
    """entries of which photos are held that were handed in before and are not in this file; they stay"""
    unlisted: int = 0
    """how many such photos there are"""
    barred: int = 0
    """photos that were removed before, and stay so"""
    otherwise: int = 0
    """entries whose status in the file is no news, and is another than what follows from later statements; it stays"""
    entries: list[PersonEntry] = field(default_factory=list)
    """that state ties: numbers may be those of entries that come later"""

    def counts(self) -> dict[str, int]:
        """Without names."""
        return {
            "people": self.people,
            "new_people": self.new_people,
            "changed_people": self.changed_people,
            "photos": self.photos,
            "new_photos": self.new_photos,
            "ties": self.ties,
            "fewer": self.fewer,
            "unlisted": self.unlisted,
            "barred": self.barred,
            "otherwise": self.otherwise,
            "refused": len(self.refused),
        }


def import_register(app: App, path: Path, *, again: bool = False) -> Imported:
    """Bring the register to what `path` says, then check (enroll) every photo that was not yet checked.

    The same register again changes nothing.  Photos that were removed stay so, unless they are wanted `again`; what
    `path` does not list any more stays.  Raises NotARegister if nothing of it can be read; Failure,
    when everything else is in, if photos met a fault of lastseen itself.
    """
    result = Imported()
    subject = _subject(path)
    with app.stores.db.begin() as db:
        refusals.forget(db, KIND, subject)
    try:
        for item in files.read(path):
            _take(app, path, item, result, again=again)
    except NotARegister as fault:
        with app.stores.db.begin() as db:
            refusals.keep(db, KIND, subject, Fault.DEFECT, fault.why)
        raise
    _tie(app, result)
    with app.stores.db.begin() as db:
        for refusal in result.refused:
            refusals.keep(db, KIND, f"{subject}#{refusal.place}", Fault.DEFECT, refusal.why)
    if result.changed_people:  # some may have been found
        template_files.sweep(app, Block.PHOTO)
    with journal(app, "register import", Scope()) as tallies:
        tallies += execute(app, "enroll", Scope())
    fates = [fate for fate in _fates(app, result) if not fate.accepted]
    result.refused += [Refusal(fate.name, fate.why, f"photo {fate.photo}") for fate in fates]
    if bugs := sum(tally.bugs for tally in tallies):
        raise Failure(
            f"{bugs} photo{'s' if bugs > 1 else ''} met a fault of lastseen itself: see the log above, and"
            f" `lastseen status`; all else is recorded, with {len(result.refused)} refusals"
        )
    return result


def preview(path: Path) -> dict[str, int]:
    """What `path` holds, without importing it.  Raises NotARegister."""
    items = list(files.read(path))
    people = [item for item in items if isinstance(item, PersonEntry)]
    return {
        "people": len(people),
        "photos": sum(len(person.photos) for person in people),
        "refused": len(items) - len(people),
    }


def _subject(path: Path) -> str:
    """What the database calls a register: paths may carry the names of people."""
    return f"file {hashlib.sha256(str(path.absolute()).encode(errors='surrogatepass')).hexdigest()[:16]}"


def _take(app: App, path: Path, item: PersonEntry | Refusal, result: Imported, *, again: bool) -> None:
    if isinstance(item, Refusal):
        result.refused.append(item)
        return
    with app.stores.db.begin() as db:
        barred = frozenset() if again else register.barred(db, item.register_number)
    stored = list(_stored(app, path, item, result, barred))
    with app.stores.db.begin() as db:
        origin = Origin(printable(path.name), app.actor, app.settings.office or BODY)
        kept = register.keep_person(db, item, app.settings.people_per_track, origin)
        result.otherwise += item.facts is not None and item.facts.status is not kept.status
        result.people += 1
        result.new_people += kept.new
        result.changed_people += kept.changed
        events = list(_person_events(kept))
        for photo, thing in stored:
            number, new = register.keep_photo(db, kept.person, Path(photo).name, thing, _media_type(photo))
            result.photos += 1
            result.new_photos += new
            result.photo_ids.append(number)
            if new:
                events.append(Entry(Action.REGISTERED, f"photo:{number}", {"sha256": thing.sha256}))
        unlisted = register.unlisted(db, kept.person, [thing.sha256 for _, thing in stored])
        custody.append_all(db, app.actor, events)
    result.unlisted += unlisted
    result.fewer += unlisted > 0
    if item.kin or item.same_as:
        result.entries.append(item)


def _tie(app: App, result: Imported) -> None:
    """Declare the ties that the entries state, now that all of them are in."""
    for entry in result.entries:
        for kind, numbers in ((TieKind.KIN, entry.kin), (TieKind.SAME, entry.same_as)):
            for place, number in enumerate(numbers, 1):
                why = _tie_one(app, (entry.register_number, number), kind, result)
                if why:
                    column = f"{entry.place}: {TIE_COLUMN[kind]}"
                    result.refused.append(Refusal(f"{column} {printable(number)}", why, f"{column} {place}"))


def _tie_one(app: App, numbers: tuple[str, str], kind: TieKind, result: Imported) -> str:
    """Declare one tie.  Returns why it is refused; empty: it is not."""
    try:
        with app.stores.db.begin() as db:
            events = ties.declare(db, numbers, kind, app.actor, app.settings.people_per_track)
            custody.append_all(db, app.actor, events)
    except NotTied as fault:
        return str(fault)
    except WrongUse:
        return "it names an entry that the register does not have"
    result.ties += len(events)
    return ""


def _person_events(kept: Kept) -> Iterator[Entry]:
    yield from kept.entries
    if kept.new or kept.changed:
        action = Action.REGISTERED if kept.new else Action.REGISTER_CHANGED
        yield Entry(action, f"person:{kept.person}", {"status": str(kept.status)})


def _stored(
    app: App, path: Path, entry: PersonEntry, result: Imported, barred: Container[str]
) -> Iterator[tuple[str, Stored]]:
    """The photos that can be read, safe in the object store; without those of a barred sha256."""
    for place, photo in enumerate(entry.photos, 1):
        try:
            content = files.read_photo(photo, path)
        except Unfit as fault:
            where = f"{entry.register_number}: {printable(Path(photo).name)}"
            result.refused.append(Refusal(where, str(fault), f"{entry.register_number}: photo {place}"))
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 in barred:
            result.barred += 1
            continue
        thing = ObjectToStore(REGISTER, keys.photo(sha256), content, sha256, _media_type(photo))
        yield photo, app.stores.objects.put_verified(thing, None)


def _fates(app: App, result: Imported) -> list[PhotoFate]:
    with app.stores.db.begin() as db:
        return register.fates(db, result.photo_ids, app.steps.engine)


def _media_type(photo: str) -> str:
    return mimetypes.guess_type(photo)[0] or "application/octet-stream"
