"""`lastseen register import`: an office's list and photos into the register, photo by photo checked."""

import hashlib
import mimetypes
from dataclasses import dataclass, field
from pathlib import Path

from lastseen.outcomes import Fault, ObjectToStore
from lastseen.records import PersonEntry
from pipeline import register_files
from pipeline.app import App
from pipeline.jobs import Scope, execute, journal
from pipeline.register_files import NotARegister, Refusal
from storage import custody, keys, refusals, register
from storage.objects import REGISTER, Stored
from storage.register import PhotoFate

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

    The same register again changes nothing.  Raises NotARegister if nothing of it can be read.
    """
    result = Imported()
    subject = str(path.resolve())
    with app.stores.db.begin() as db:
        refusals.forget(db, KIND, subject)
    try:
        for item in register_files.read(path):
            _take(app, item, result)
    except NotARegister as fault:
        with app.stores.db.begin() as db:
            refusals.keep(db, KIND, subject, Fault.DEFECT, str(fault))
        raise
    with app.stores.db.begin() as db:
        for refusal in result.refused:
            refusals.keep(db, KIND, f"{subject}#{refusal.where}", Fault.DEFECT, refusal.why)
    tallies = execute(app, "enroll", Scope())
    journal(app, "register import", Scope(), tallies)
    result.refused += [Refusal(fate.name, fate.why) for fate in _fates(app, result) if not fate.accepted]
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


def _take(app: App, item: PersonEntry | Refusal, result: Imported) -> None:
    if isinstance(item, Refusal):
        result.refused.append(item)
        return
    stored = [(photo, kept) for photo in item.photos if (kept := _store(app, photo, item, result)) is not None]
    with app.stores.db.begin() as db:
        person = register.keep_person(db, item, app.settings.people_per_track)
        result.people += 1
        result.new_people += person.new
        result.changed_people += person.changed
        if person.new or person.changed:
            action = "registered" if person.new else "register entry changed"
            custody.append(db, app.actor, action, f"person:{person.person}", {"status": item.status})
        for photo, kept in stored:
            number, new = register.keep_photo(db, person.person, Path(photo).name, kept, _media_type(photo))
            result.photos += 1
            result.new_photos += new
            result.photo_ids.append(number)
            if new:
                custody.append(db, app.actor, "registered", f"photo:{number}", {"sha256": kept.sha256})


def _store(app: App, photo: str, entry: PersonEntry, result: Imported) -> Stored | None:
    try:
        content = Path(photo).read_bytes()
    except OSError as fault:
        where = f"{entry.register_number}: {Path(photo).name}"
        result.refused.append(Refusal(where, f"the photo cannot be read: {fault.strerror}"))
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    thing = ObjectToStore(REGISTER, keys.photo(sha256), content, sha256, _media_type(photo))
    return app.stores.objects.put_verified(thing, None)


def _fates(app: App, result: Imported) -> list[PhotoFate]:
    with app.stores.db.begin() as db:
        return register.fates(db, result.photo_ids, app.steps.engine)


def _media_type(photo: str) -> str:
    return mimetypes.guess_type(photo)[0] or "application/octet-stream"
