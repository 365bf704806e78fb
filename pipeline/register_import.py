"""`lastseen register import`: an office's list and photos into the register, photo by photo checked."""

import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lastseen.errors import Failure
from lastseen.outcomes import Fault, ObjectToStore
from lastseen.records import PersonEntry, PersonStatus
from pipeline import illustrate, register_files, template_files
from pipeline.app import App
from pipeline.jobs import Scope, execute, journal
from pipeline.register_files import NotARegister, Refusal, Unfit, printable
from storage import custody, keys, refusals, register, work
from storage.custody import Action, Entry
from storage.objects import REGISTER, Stored
from storage.register import Kept, PhotoFate
from storage.sealed_blocks import Origin
from storage.work import Queue

KIND = "register"


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

    def counts(self) -> dict[str, int]:
        """Without names."""
        return {
            "people": self.people,
            "new_people": self.new_people,
            "changed_people": self.changed_people,
            "photos": self.photos,
            "new_photos": self.new_photos,
            "refused": len(self.refused),
        }


def import_register(app: App, path: Path) -> Imported:
    """Bring the register to what `path` says, then check (enroll) every photo that was not yet checked.

    The same register again changes nothing.  Raises NotARegister if nothing of it can be read; Failure,
    when everything else is in, if photos met a fault of lastseen itself.
    """
    result = Imported()
    subject = _subject(path)
    with app.stores.db.begin() as db:
        refusals.forget(db, KIND, subject)
    try:
        for item in register_files.read(path):
            _take(app, path, item, result)
    except NotARegister as fault:
        with app.stores.db.begin() as db:
            refusals.keep(db, KIND, subject, Fault.DEFECT, fault.why)
        raise
    with app.stores.db.begin() as db:
        for refusal in result.refused:
            refusals.keep(db, KIND, f"{subject}#{refusal.place}", Fault.DEFECT, refusal.why)
    if result.changed_people:  # some may have been found
        template_files.sweep(app, Origin.PHOTO)
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
    items = list(register_files.read(path))
    people = [item for item in items if isinstance(item, PersonEntry)]
    return {
        "people": len(people),
        "photos": sum(len(person.photos) for person in people),
        "refused": len(items) - len(people),
    }


def _subject(path: Path) -> str:
    """What the database calls a register: paths may carry the names of people."""
    return f"file {hashlib.sha256(str(path.absolute()).encode(errors='surrogatepass')).hexdigest()[:16]}"


def _take(app: App, path: Path, item: PersonEntry | Refusal, result: Imported) -> None:
    if isinstance(item, Refusal):
        result.refused.append(item)
        return
    stored = list(_stored(app, path, item, result))
    with app.stores.db.begin() as db:
        kept = register.keep_person(db, item, app.settings.people_per_track)
        work.offer(db, Queue(illustrate.NAME), kept.came_up)
        result.people += 1
        result.new_people += kept.new
        result.changed_people += kept.changed
        events = list(_person_events(item, kept))
        for photo, thing in stored:
            number, new = register.keep_photo(db, kept.person, Path(photo).name, thing, _media_type(photo))
            result.photos += 1
            result.new_photos += new
            result.photo_ids.append(number)
            if new:
                events.append(Entry(Action.REGISTERED, f"photo:{number}", {"sha256": thing.sha256}))
        custody.append_all(db, app.actor, events)


def _person_events(entry: PersonEntry, kept: Kept) -> Iterator[Entry]:
    status = entry.facts.status if entry.facts else PersonStatus.MISSING
    if kept.new or kept.changed:
        action = Action.REGISTERED if kept.new else Action.REGISTER_CHANGED
        yield Entry(action, f"person:{kept.person}", {"status": status})


def _stored(app: App, path: Path, entry: PersonEntry, result: Imported) -> Iterator[tuple[str, Stored]]:
    """The photos that can be read, safe in the object store."""
    for place, photo in enumerate(entry.photos, 1):
        try:
            content = register_files.read_photo(photo, path)
        except Unfit as fault:
            where = f"{entry.register_number}: {printable(Path(photo).name)}"
            result.refused.append(Refusal(where, str(fault), f"{entry.register_number}: photo {place}"))
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        thing = ObjectToStore(REGISTER, keys.photo(sha256), content, sha256, _media_type(photo))
        yield photo, app.stores.objects.put_verified(thing, None)


def _fates(app: App, result: Imported) -> list[PhotoFate]:
    with app.stores.db.begin() as db:
        return register.fates(db, result.photo_ids, app.steps.engine)


def _media_type(photo: str) -> str:
    return mimetypes.guess_type(photo)[0] or "application/octet-stream"
