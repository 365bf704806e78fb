"""One package of evidence: gathered at one moment, written, bagged, checked, entered in the log, handed over."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bagit
from ulid import ULID

from lastseen.clock import utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.outcomes import ObjectToStore
from pipeline.app import App
from pipeline.custody import signing
from pipeline.evidence import contents, extract, folders, report, targets, verify
from pipeline.evidence.contents import Writer
from pipeline.evidence.extract import Extract
from pipeline.evidence.report import Export
from storage import cases, custody, custody_keys, heads
from storage.cases import Case
from storage.custody import Action, Entry
from storage.objects import EXPORT

log = logging.getLogger(__name__)

ALGORITHMS: Final = ("sha256", "sha512")
DECLARATION: Final = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
BOUND_BY: Final = ("tagmanifest-sha256.txt", "manifest-sha256.txt")
"""what is kept of a package: the first binds every file in it"""
RECEIPT_FORMAT: Final = "lastseen.receipt.1"


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed over."""

    id: str
    sha256: str
    """of the package's tagmanifest-sha256.txt, which binds every file in it"""
    files: int
    size: int
    """bytes"""
    events: int
    stamps: int
    key: str
    """verifier key of the log"""


def export(
    app: App, written: str, to: Path, recipient: str, reason: str, tell: Callable[[str], None] = log.warning
) -> Handed:
    """Make the package of one case in a new folder.  Raises WrongUse and Failure; then there is no such folder.

    `written`: what it is about, as `targets.parse` reads it.
    """
    if not reason.strip():
        raise WrongUse("say why this leaves the office: --reason TEXT")
    with app.stores.db.begin() as db:
        target = targets.parse(db, written)
        targets.case(db, target)
    made = Export(str(ULID()), utcnow(), app.settings.office, recipient.strip(), reason.strip(), target)
    with folders.appearing(to.absolute(), tell) as folder:
        signing.sign(app.settings, app.stores)
        case, extracted = _gathered(app, made)
        folders.require_room(folder, contents.room(case, app.stores.objects))
        _write(app, folder, made, case, extracted)
        _bag(folder, made, extracted)
        return _hand_over(app, folder, made, case, extracted)


def _gathered(app: App, made: Export) -> tuple[Case, Extract]:
    """Everything as it stood at one moment."""
    engine = app.stores.db
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as db:
        case = targets.case(db, made.target)
        return case, extract.extract(
            db, app.stores.objects, case, cases.heads(db), custody_keys.public_keys(app.settings)
        )


def _write(app: App, folder: Path, made: Export, case: Case, extracted: Extract) -> None:
    writer = Writer(folder, app.stores.objects, case, made.mark)
    writer.originals()
    writer.records()
    writer.tables()
    writer.log(extracted)
    said = report.data(made, case, extracted, writer.derived(extracted.events))
    (folder / "report.html").write_text(report.html(said), "utf-8")
    (folder / "report.pdf").write_bytes(report.pdf(said, folder))
    (folder / "README.txt").write_text(_readme(made, said), "utf-8")
    writer.programs()


def _bag(folder: Path, made: Export, extracted: Extract) -> None:
    """Raises Failure if the package does not stand."""
    info = {
        "Source-Organization": made.office or "not named",
        "External-Description": f"lastseen evidence, {made.target}",
        "External-Identifier": made.id,
        "Bagging-Date": f"{made.at:%Y-%m-%d}",
        "Lastseen-Export-Reason": _line(made.reason),
        "Lastseen-Recipient": _line(made.recipient) or "nobody in particular",
        "Lastseen-Checkpoint": f"{extracted.newest.head.origin} {extracted.newest.head.size}",
        "Lastseen-Events": str(len(extracted.events)),
        "Lastseen-Format": verify.FORMAT,
    }
    bagit.make_bag(str(folder), info, checksums=list(ALGORITHMS))
    (folder / "bagit.txt").write_text(DECLARATION, "utf-8")  # the library writes what 1.0 asks, and calls it 0.97
    bagit.Bag(str(folder)).save()
    asked = verify.Asked(keys=[verify.vkey(key) for key in extracted.keys])
    found = verify.verify(folder, asked).findings
    failed = [one for one in found if one.state == "failed" and one.check != "receipt"]
    if failed:
        raise Failure(
            f"what was gathered does not stand, so nothing was exported: {failed[0].where}: {failed[0].said}"
            f" ({len(failed)} findings); run `lastseen verify`"
        )


def _hand_over(app: App, folder: Path, made: Export, case: Case, extracted: Extract) -> Handed:
    """Enter it in the log first, keep what binds it, and put the log's word for it into the package."""
    binding = (folder / "tagmanifest-sha256.txt").read_bytes()
    sha256 = hashlib.sha256(binding).hexdigest()
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    for name in BOUND_BY:
        content = (folder / name).read_bytes()
        thing = ObjectToStore(EXPORT, f"{made.id}/{name}", content, hashlib.sha256(content).hexdigest(), "text/plain")
        app.stores.objects.put_verified(thing)
    detail = {
        "export": made.id,
        "sha256": sha256,
        "recipient": made.recipient,
        "files": len(files),
        "size": size,
        "checkpoint": extracted.newest.head.size,
    }
    with app.stores.db.begin() as db:
        about = targets.subjects_of(made.target, case)
        events = custody.append_all(db, app.actor, [Entry(Action.EXPORTED, one, detail, made.reason) for one in about])
    said = json.dumps(
        _receipt(app, events[0].seq, extracted), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    (folder / verify.RECEIPT).write_text(said + "\n", "utf-8")
    counts = len(files) + 1, size, len(extracted.events), len(extracted.stamps)
    return Handed(made.id, sha256, *counts, extracted.keys[0])


def _receipt(app: App, seq: int, extracted: Extract) -> Mapping[str, object]:
    """The event of this export, with the proof that it is in the log that goes on from the package's."""
    signed = signing.sign(app.settings, app.stores).head
    if signed is None or signed.size < seq:
        raise Failure("the custody log could not be signed after this export: nothing was handed over; try again")
    newest = signed.size
    with app.stores.db.begin() as db:
        (event,) = custody.events(db, after=seq - 1, upto=seq)
        proofs = heads.proofs(db, newest, [seq], [extracted.newest.head.size])
    return {
        "format": RECEIPT_FORMAT,
        "event": extract.line(event),
        "proof": [step.hex() for step in proofs.inclusion[seq]],
        "consistency": [step.hex() for step in proofs.consistency[extracted.newest.head.size]],
        "checkpoint": str(signed.note),
    }


def _readme(made: Export, said: Mapping[str, object]) -> str:
    check = "\n\n".join(str(text) for text in said["check"]) if isinstance(said["check"], list) else ""
    return (
        f"{said['title']}\n{said['mark']}\n\n"
        "report.html and report.pdf say what is in this package and how far it is proven.\n"
        "originals/ holds the recordings as they were received, records/ what the sites said of them.\n"
        "The other files are for programs, a line of JSON each; docs/evidence.md of lastseen describes them.\n\n"
        f"How to check it\n\n{check}\n"
    )


def _line(text: str) -> str:
    return " ".join(text.split())
