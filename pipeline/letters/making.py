"""Letters are made into files: a draft when one was written, what may be sent when another officer has approved it.

A draft says on each page that it is none to send.  The files of an approved letter stay as they are: they are what went
out, their sha256 stands in the custody log, and only a lawful erasure takes them away.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from pipeline.letters.contents import Gathered, Packages, Sender
from pipeline.letters.docx import docx
from pipeline.letters.pdf import pdf
from storage import custody, letters, work
from storage.letters import DRAFT, FALLEN, FINAL, OVER, File, Letter
from storage.objects import EXPORT
from storage.work import Claim, LeaseLost

log = logging.getLogger(__name__)

TYPES: Final = {
    LetterFormat.DRAFT: ("draft.pdf", "application/pdf"),
    LetterFormat.PDF: ("letter.pdf", "application/pdf"),
    LetterFormat.DOCX: ("letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    LetterFormat.PACKAGE: (contents.PACKAGE, "application/zip"),
}
"""how the objects' keys end, and what they are"""
FOLDER: Final = "letters/"
"""where files of letters lie in the bucket, each in that of its letter's row id"""
NOT_APPROVED: Final = "it is not approved any more"
NOT_WORKED_ON: Final = "nobody works on this letter any more"


def due(app: App, *, retry: bool = False) -> int:
    """How many letters wait for files to be made, or to go; with `retry` also those where that was given up."""
    waiting = asked(app, draft=True), asked(app, draft=False), Asked(app, OVER, partial(_remove, app))
    with app.stores.db.begin() as db:
        given_up = len(letters.stopped(db)) if retry else 0
    return sum(one.due() for one in waiting) + given_up


def run(app: App, *, retry: bool = False) -> dict[str, int]:
    """Make what is asked for, with `retry` also what was given up before.  Returns counts."""
    if retry:
        with app.stores.db.begin() as db:
            custody.append_all(db, app.actor, letters.ask_again(db))
    counts = asked(app, draft=True).run()
    counts.update(asked(app, draft=False).run())
    Asked(app, OVER, partial(_remove, app)).run()
    if swept := sum(_sweep(app, letter, keys) for letter, keys in _unrecorded(app).items()):
        log.info("%d files of letters went that a worker had stored, and had died before it said so", swept)
    return dict(counts)


def asked(app: App, *, draft: bool) -> Asked:
    """The queue of drafts, or of letters that may be sent."""
    return Asked(app, DRAFT if draft else FINAL, partial(_make, app))


def _make(app: App, held: Claim, folder: Path) -> bool:
    with app.stores.db.begin() as db:
        letter = letters.find(db, held.subject)
        said = contents.gather(db, letter) if letter else None
    if letter is None or said is None:
        raise LeaseLost(f"{held.step} {held.subject}")
    draft = held.recipe == DRAFT.recipe
    if refusal := _refusal(letter, draft=draft):
        return give_up(app, held, Fault.SKIPPED, refusal)
    with full_disk_told(folder):
        paths = dict(_written(app, said, folder, draft=draft))
        things = {kind: _object(letter.id, kind, path) for kind, path in paths.items()}
    for thing in things.values():
        app.stores.objects.put_verified(thing)
    if refusal := _keep(app, held, letter, things):
        return give_up(app, held, Fault.SKIPPED, refusal)
    return True


def _remove(app: App, held: Claim, _: Path) -> bool:
    """Files that nobody may fetch any more go; their rows stay, and say what there was."""
    with app.stores.db.begin() as db:
        letter = letters.find(db, held.subject)
        files = [one for one in letters.files(db, held.subject) if letter and not letters.stays(letter, one)]
    for one in files:
        app.stores.objects.erase(EXPORT, one.key)
    with app.stores.db.begin() as db:
        work.finish(db, held)
        custody.append_all(db, app.actor, [letters.gone(held.subject, files)] if files else [])
    return True


def _unrecorded(app: App) -> Mapping[int, Sequence[str]]:
    """Files without a row that are older than any that is about to get one, by letter."""
    with app.stores.db.begin() as db:
        known = letters.file_keys(db)
    found: dict[int, list[str]] = defaultdict(list)
    for one in app.stores.objects.versions(EXPORT, FOLDER):
        letter = one.key.removeprefix(FOLDER).partition("/")[0]
        if one.key not in known and letter.isdecimal() and one.made_at < utcnow() - packing.UNRECORDED:
            found[int(letter)].append(one.key)
    return found


def _sweep(app: App, letter: int, keys: Sequence[str]) -> int:
    """Erase those that are still without a row.  Nobody can take one for stored, and record it, while it goes."""
    with app.stores.db.begin() as db:
        left = letters.unrecorded(db, letter, keys)
        for key in left:
            app.stores.objects.erase(EXPORT, key)
    return len(left)


def _refusal(letter: Letter, *, draft: bool) -> str | None:
    if draft:
        return None if letter.state in UNSENT else NOT_WORKED_ON
    if letter.state is not LetterState.APPROVED:
        return NOT_APPROVED
    return None if letter.stands else FALLEN


def _put(folder: Path, kind: LetterFormat, content: bytes) -> Path:
    path = folder / TYPES[kind][0]
    path.write_bytes(content)
    return path


def _written(app: App, said: Gathered, folder: Path, *, draft: bool) -> Iterator[tuple[LetterFormat, Path]]:
    """The letter's files.  Packages are made first, since the annex names them with their hashes."""
    made = None if draft or not said.letter.with_package else _packages(app, said, folder)
    settings, language = app.settings, said.letter.language
    sender = Sender(settings.office_in(language), settings.office_address_in(language), settings.time_zone)
    told = contents.write(said, sender, app.stores.objects, folder, made, draft=draft)
    kind = LetterFormat.DRAFT if draft else LetterFormat.PDF
    yield kind, _put(folder, kind, pdf(told, folder))
    if not draft:
        yield LetterFormat.DOCX, _put(folder, LetterFormat.DOCX, docx(told, folder))
    if made:
        yield LetterFormat.PACKAGE, folder / TYPES[LetterFormat.PACKAGE][0]


def _packages(app: App, said: Gathered, folder: Path) -> Packages:
    """The packages of evidence of everything that it tells of, one of each recording, in one file.

    Each is made in the name of whoever approved the letter.
    """
    letter = said.letter
    with app.stores.db.begin() as db:
        approved = [one.noted_by for one in letters.events(db, letter.id) if one.event is LetterEvent.APPROVED]
    officer = replace(app, actor=approved[-1])
    parts, each = {}, []
    of: dict[int, str] = {}
    for place, candidates in enumerate(_by_recording(said)):
        package, about = folder / f"package-{place}", f"candidate:{','.join(map(str, candidates))}"
        made = export.export(officer, about, package, letter.recipient_name, f"annex of letter {letter.id}")
        parts[f"evidence-{made.id}"] = package
        each.append(made)
        of |= dict.fromkeys(candidates, made.id)
    require_room(folder, sum(path.stat().st_size for part in parts.values() for path in packing.files_of(part)))
    path = packing.packed(parts, folder / TYPES[LetterFormat.PACKAGE][0])
    return Packages(_sha256(path), path.stat().st_size, each, of)


def _by_recording(said: Gathered) -> Iterable[list[int]]:
    """Candidates that were found in one recording together: that is handed over once, however many it shows."""
    found: dict[str, list[int]] = {}
    for one, _ in said.cases:
        found.setdefault(one.blob, []).append(one.id)
    return found.values()


def _object(letter: int, kind: LetterFormat, path: Path) -> ObjectToStore:
    sha256 = _sha256(path)
    name, media_type = TYPES[kind]
    return ObjectToStore(EXPORT, f"{FOLDER}{letter}/{sha256[:16]}-{name}", path, sha256, media_type)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _keep(app: App, held: Claim, letter: Letter, things: dict[LetterFormat, ObjectToStore]) -> str | None:
    """Why they are not kept after all; None: they are.

    Raises LeaseLost: the letter was erased meanwhile, or another worker makes it.
    """
    sizes = {kind: app.stores.objects.size(EXPORT, thing.key) for kind, thing in things.items()}
    files = [File(kind, thing.sha256, sizes[kind], thing.key, utcnow()) for kind, thing in things.items()]
    try:
        with app.stores.db.begin() as db:
            now = letters.held(db, letter.id)
            refusal = _refusal(now, draft=held.recipe == DRAFT.recipe) if now else None
            if refusal is None:
                work.finish(db, held)
                for one in files:
                    letters.keep_file(db, letter.id, one)
                custody.append_all(db, app.actor, [letters.made(letter.id, files)])
                return None
    except LeaseLost:
        _forget(app, letter.id, things)
        raise
    _forget(app, letter.id, things)
    return refusal


def _forget(app: App, letter: int, things: dict[LetterFormat, ObjectToStore]) -> None:
    for thing in things.values():
        if not _is_kept(app, letter, thing.key):
            app.stores.objects.erase(EXPORT, thing.key)


def _is_kept(app: App, letter: int, key: str) -> bool:
    """Whether the other worker has kept the very same file."""
    with app.stores.db.begin() as db:
        return any(one.key == key for one in letters.files(db, letter))
