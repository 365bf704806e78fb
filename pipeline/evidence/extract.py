"""The custody log's part of a package: what was done in a case, and the proofs that a stranger can follow."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lastseen.errors import Failure
from storage import cases, heads
from storage.cases import Case, Signed
from storage.custody import Action, Event
from storage.database import Connection
from storage.heads import Proofs
from storage.notes import BadNote, Checkpoint, Note, VerifierKey
from storage.objects import EVIDENCE, ObjectStore

MANIFEST, STAMP, AUTHORITY = "manifest/", "stamp/", "authority/"
"""where in the evidence bucket these lie"""
STAMP_DOMAIN = b"lastseen.stamp.v1\n"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A statement with the authorities' answers on it, by their keys in the evidence bucket."""

    day: str
    statement: str
    answers: tuple[str, ...]
    manifest: str
    """sha256 of the manifest that it names"""
    head: Note
    """the checkpoint that it names"""


@dataclass(frozen=True, slots=True)
class Extract:
    """Everything of the log that goes into a package."""

    newest: Signed
    earlier: tuple[Signed, ...]
    """heads that are shown as well: those that are stamped, and the newest that was witnessed"""
    keys: tuple[str, ...]
    """verifier keys of the log and of witnesses"""
    events: tuple[Event, ...]
    proofs: Proofs
    manifests: tuple[Event, ...]
    """events of the days' manifests that are included"""
    stamps: tuple[Stamp, ...]
    authorities: tuple[str, ...]
    """keys of the authorities' certificates in the evidence bucket"""


def extract(
    db: Connection, objects: ObjectStore, case: Case, signed: Sequence[Signed], keys: Sequence[VerifierKey]
) -> Extract:
    """What belongs to a case.  `signed`: all heads, in order; raises Failure if there is none."""
    if not signed:
        raise Failure("no head of the custody log is signed yet, so nothing could be proven: `lastseen custody sign`")
    newest = signed[-1]
    size = newest.head.size
    events = cases.events(db, case, size)
    about = [event for event in events if not _is_of_days(event)]
    days = {f"manifest:{event.at.date().isoformat()}" for event in about if event.action in ("stored", "collected")}
    made = {event.subject: event for event in events if event.action == Action.MANIFESTED}
    stamps = _stamps(objects, made.values(), size)
    shown = [event for event in made.values() if event.subject in days or _is_newest(event, stamps)]
    stamps = [one for one in stamps if one.manifest in {str(event.detail["sha256"]) for event in shown}]
    subjects = {event.subject for event in shown}
    kept = [event for event in events if not _is_of_days(event) or event.subject in subjects]
    stamped = [Checkpoint.parse(one.head.text).size for one in stamps]
    sizes = sorted({one.head.size for one in signed} | set(stamped) - {size})
    return Extract(
        newest,
        _worth_showing(signed, stamped),
        tuple(dict.fromkeys([*_in_use(keys, newest), *(key for one in signed for key in one.witnesses)])),
        tuple(kept),
        heads.proofs(db, size, [event.seq for event in kept], [one for one in sizes if one < size]),
        tuple(shown),
        tuple(stamps),
        tuple(objects.keys(EVIDENCE, AUTHORITY)) if stamps else (),
    )


def line(event: Event, proof: Iterable[bytes] | None = None) -> dict[str, object]:
    """An event exactly as it was hashed, as the package has it."""
    said: dict[str, object] = {
        "version": event.version,
        "body": event.body.decode(),
        "previous": event.previous.hex(),
        "hash": event.hash.hex(),
    }
    return said if proof is None else {**said, "proof": [step.hex() for step in proof]}


def _in_use(keys: Sequence[VerifierKey], newest: Signed) -> list[str]:
    """The log's keys, the one that signed the newest head first."""
    return [str(key) for key in sorted(keys, key=lambda key: key.verified(newest.note) is None)]


def _is_of_days(event: Event) -> bool:
    return event.action in (Action.MANIFESTED, Action.STAMPED)


def _is_newest(event: Event, stamps: Sequence[Stamp]) -> bool:
    """Whether the newest stamp is on this manifest: it covers the most of the log."""
    return bool(stamps) and stamps[-1].manifest == event.detail.get("sha256")


def _stamps(objects: ObjectStore, made: Iterable[Event], size: int) -> list[Stamp]:
    """The stamped statements on these manifests, by how much of the log they cover."""
    by_hash = {str(event.detail.get("sha256")) for event in made}
    folders = {str(PurePosixPath(str(event.detail.get("key"))).parent).replace(MANIFEST, STAMP, 1) for event in made}
    found = []
    for folder in sorted(folders):
        keys = list(objects.keys(EVIDENCE, f"{folder}/"))
        for key in (key for key in keys if key.endswith(".json")):
            stamp = _stamp(objects, key, keys)
            if stamp is not None and stamp.manifest in by_hash and Checkpoint.parse(stamp.head.text).size <= size:
                found.append(stamp)
    return sorted(found, key=lambda one: Checkpoint.parse(one.head.text).size)


def _stamp(objects: ObjectStore, key: str, beside: Sequence[str]) -> Stamp | None:
    """None: no authority has answered yet."""
    answers = tuple(one for one in beside if one.startswith(key.removesuffix("json")) and one != key)
    if not any(one.endswith(".tsr") for one in answers):
        return None
    try:
        said: Mapping[str, object] = json.loads(objects.read(EVIDENCE, key).removeprefix(STAMP_DOMAIN))
        manifest = said["manifest"]
        sha256 = manifest["sha256"] if isinstance(manifest, dict) else ""
        return Stamp(str(said["day"]), key, answers, str(sha256), Note.parse(str(said["checkpoint"])))
    except (ValueError, KeyError, BadNote) as fault:
        raise Failure(f"the statement {key} cannot be read ({fault}): run `lastseen verify`") from fault


def _worth_showing(heads: Sequence[Signed], stamped: Sequence[int]) -> tuple[Signed, ...]:
    witnessed = [one.head.size for one in heads if one.witnesses][-1:]
    return tuple(one for one in heads[:-1] if one.head.size in {*stamped, *witnessed})
