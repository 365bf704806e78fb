"""Letters are made into files: a draft when one was written, what may be sent when another officer has approved it.

A draft says on each page that it is none to send.  The files of an approved letter stay as they are: they are what went
out, their sha256 stands in the custody log, and only a lawful erasure takes them away.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from lastseen.clock import utcnow
from lastseen.letters import UNSENT, LetterEvent, LetterFormat, LetterState
from lastseen.outcomes import Fault, ObjectToStore
from pipeline.app import App
from pipeline.asked import Asked, give_up
from pipeline.evidence import export, packing
from pipeline.evidence.folders import full_disk_told, require_room
from pipeline.letters import contents
from pipeline.letters.docx import docx
from pipeline.letters.pdf import pdf
from storage import custody, letters, work
from storage.letters import DRAFT, FALLEN, FINAL, File, Letter
from storage.objects import EXPORT
from storage.work import Claim, LeaseLost

TYPES: Final = {
    LetterFormat.DRAFT: ("draft.pdf", "application/pdf"),
    LetterFormat.PDF: ("letter.pdf", "application/pdf"),
    LetterFormat.DOCX: ("letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    LetterFormat.PACKAGE: ("evidence.zip", "application/zip"),
}
"""how the objects' keys end, and what they are"""
NOT_APPROVED: Final = "it is not approved any more"
OVER: Final = "nobody works on this letter any more"


def due(app: App) -> int:
    """How many letters wait to be made into files."""
    return asked(app, draft=True).due() + asked(app, draft=False).due()


def run(app: App) -> dict[str, int]:
    """Make what is asked for.  Returns counts."""
    return dict(asked(app, draft=True).run() + asked(app, draft=False).run()) or {"made": 0, "failed": 0}


def asked(app: App, *, draft: bool) -> Asked:
    """The queue of drafts, or of letters that may be sent."""
    return Asked(app, DRAFT if draft else FINAL, partial(_make, app))


def _make(app: App, held: Claim, folder: Path) -> bool:
    with app.stores.db.begin() as db:
        letter = letters.find(db, held.subject)
        said = contents.gather(db, letter, app.settings.office) if letter else None
    if letter is None or said is None:
        raise LeaseLost(f"{held.step} {held.subject}")
    draft = held.recipe == DRAFT.recipe
    if refusal := _refusal(letter, draft=draft):
        return give_up(app, held, Fault.SKIPPED, refusal)
    with full_disk_told(folder):
        made = contents.write(said, app.stores.objects, folder, draft=draft)
        if draft:
            paths = {LetterFormat.DRAFT: _put(folder, LetterFormat.DRAFT, pdf(made, folder))}
        else:
            paths = {
                LetterFormat.PDF: _put(folder, LetterFormat.PDF, pdf(made, folder)),
                LetterFormat.DOCX: _put(folder, LetterFormat.DOCX, docx(made, folder)),
                **dict(_package(app, letter, folder)),
            }
        things = {kind: _object(letter.id, kind, path) for kind, path in paths.items()}
    for thing in things.values():
        app.stores.objects.put_verified(thing)
    _keep(app, held, letter, things)
    return True


def _refusal(letter: Letter, *, draft: bool) -> str | None:
    if draft:
        return None if letter.state in UNSENT else OVER
    if letter.state is not LetterState.APPROVED:
        return NOT_APPROVED
    return None if letter.stands else FALLEN


def _put(folder: Path, kind: LetterFormat, content: bytes) -> Path:
    path = folder / TYPES[kind][0]
    path.write_bytes(content)
    return path


def _package(app: App, letter: Letter, folder: Path) -> Iterator[tuple[LetterFormat, Path]]:
    """The packages of evidence of everything that it tells of, if they are asked for, in one file.

    Each is made in the name of whoever approved the letter.
    """
    if not letter.with_package:
        return
    with app.stores.db.begin() as db:
        approved = [one.noted_by for one in letters.events(db, letter.id) if one.event is LetterEvent.APPROVED]
        candidates = letters.candidates(db, letter.id)
    officer = replace(app, actor=approved[-1])
    parts = {}
    for candidate in candidates:
        package = folder / f"package-{candidate}"
        made = export.export(
            officer, f"candidate:{candidate}", package, letter.recipient_name, f"annex of letter {letter.id}"
        )
        parts[f"evidence-{made.id}"] = package
    require_room(folder, sum(path.stat().st_size for part in parts.values() for path in packing.files_of(part)))
    yield LetterFormat.PACKAGE, packing.packed(parts, folder / TYPES[LetterFormat.PACKAGE][0])


def _object(letter: int, kind: LetterFormat, path: Path) -> ObjectToStore:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    name, media_type = TYPES[kind]
    return ObjectToStore(EXPORT, f"letters/{letter}/{sha256[:16]}-{name}", path, sha256, media_type)


def _keep(app: App, held: Claim, letter: Letter, things: dict[LetterFormat, ObjectToStore]) -> None:
    """Raises LeaseLost: it was erased meanwhile, or another worker makes it."""
    files = [
        File(kind, thing.sha256, app.stores.objects.size(EXPORT, thing.key), thing.key, utcnow())
        for kind, thing in things.items()
    ]
    try:
        with app.stores.db.begin() as db:
            work.finish(db, held)
            for one in files:
                letters.keep_file(db, letter.id, one)
            custody.append_all(db, app.actor, [letters.made(letter.id, files)])
    except LeaseLost:
        for thing in things.values():
            if not _is_kept(app, letter.id, thing.key):
                app.stores.objects.erase(EXPORT, thing.key)
        raise


def _is_kept(app: App, letter: int, key: str) -> bool:
    """Whether the other worker has kept the very same file."""
    with app.stores.db.begin() as db:
        return any(one.key == key for one in letters.files(db, letter))
