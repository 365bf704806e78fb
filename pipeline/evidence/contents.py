"""The files of a package, but for its report: originals, raw records, what is known of them, pictures, the log."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from extractors.marks import Strip, marked_clip, marked_picture
from lastseen.clock import iso
from lastseen.errors import Failure
from lastseen.judging import Verdict
from lastseen.records import FileRole, Pixels
from pipeline.evidence import typesetting
from pipeline.evidence.extract import Extract, line
from storage import roll_call
from storage.cases import Case, Refused, Sighted
from storage.custody import Action, Event
from storage.objects import DERIVED, EVIDENCE, ObjectMissing, ObjectStore, ObjectUnreadable

ENDINGS: Final = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/mp2t": ".ts",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/webm": ".weba",
    "audio/ogg": ".ogg",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "text/vtt": ".vtt",
    "application/x-subrip": ".srt",
}
"""of originals, so that people can open them; the name before it is the sha256"""
JOINED: Final = "joined/"
"""where working copies lie in the derived bucket"""
OVERHEAD: Final = 16 * 1024 * 1024
"""bytes that everything else of a package takes at most, but for clips and records"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A derived picture or clip in the package."""

    file: str
    """below the package's data folder"""
    kind: str
    """`crop`, `still` or `clip`"""
    candidate: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one package's files."""

    folder: Path
    objects: ObjectStore
    case: Case
    mark: str
    """what stands below each derived picture"""

    def originals(self) -> None:
        """Every recording, as it was received.  Raises Failure if one is not what was stored."""
        for sha256, item in self.case.originals.items():
            self._download(item.key or "", item.version, sha256, self.folder / original(sha256, item.media_type))

    def records(self) -> None:
        """What sites said of the posts, as received.  Raises Failure."""
        for key, sha256 in self.case.records.items():
            self._download(key, None, sha256, self.folder / "records" / key)

    def tables(self) -> None:
        """What is known of the posts, a line of JSON each."""
        items = [
            {**asdict(item), "file": original(item.sha256, item.media_type) if item.sha256 else None}
            for item in self.case.items
        ]
        posts = [
            {**asdict(post), "media": [item for item in items if item["post"] == post.id]} for post in self.case.posts
        ]
        self.lines("posts.jsonl", posts)
        self.lines("observations.jsonl", map(asdict, self.case.observations))
        self.lines("audiences.jsonl", self.case.audiences)
        self.lines("name_hints.jsonl", map(asdict, self.case.named))
        self.lines("sources.jsonl", self.case.sources)
        self.lines("coverage.jsonl", self.case.coverage)
        self.lines("reposts.jsonl", self.case.reposts)
        self.lines("decisions.jsonl", _decisions(self.case))
        mine = {one.id for one in self.case.sighted}
        self.lines("roll_calls.jsonl", (roll_call.within_case(call, mine) for call in self.case.roll_calls))

    def derived(self, events: Iterable[Event]) -> list[Picture]:
        """Crops, stills and clips of the candidates, each with the mark, and working copies of recordings.

        What is not there is left out.  Returns those with a mark.
        """
        made, told = [], list(self._joined(events))
        for one in self.case.sighted:
            for kind, key, at_ms in self._derived(one):
                if not self.objects.exists(DERIVED, key):
                    continue
                picture = Picture(f"derived/{one.id}/{kind}-{Path(key).name}", kind, one.id, at_ms)
                told.append(self._marked(picture, key, one))
                made.append(picture)
        self.lines("derived.jsonl", told)
        return made

    def _joined(self, events: Iterable[Event]) -> Iterator[dict[str, object]]:
        """Working copies with picture and sound, where these came apart; they are whole, and bear no mark."""
        for event in events:
            said = {name: str(event.detail.get(name, "")) for name in ("key", "video", "audio", "sha256", "recipe")}
            file = f"derived/{said['key']}"
            if event.action != Action.DERIVED or not said["key"].startswith(JOINED) or (self.folder / file).exists():
                continue
            if {said["video"], said["audio"]} <= set(self.case.originals) and self.objects.exists(DERIVED, said["key"]):
                self._download(said["key"], None, said["sha256"], self.folder / file, DERIVED)
                yield {
                    "file": file,
                    "kind": "joined",
                    "blob": said["video"],
                    "audio": said["audio"],
                    "sha256": said["sha256"],
                    "recipe": said["recipe"],
                    "how": event.detail,
                }

    def log(self, said: Extract) -> None:
        """Heads, keys, events with their proofs, manifests and time stamps."""
        custody = self.folder / "custody"
        (custody / "checkpoints").mkdir(parents=True)
        (custody / "checkpoint.txt").write_text(str(said.newest.note), "utf-8")
        for head in said.earlier:
            (custody / "checkpoints" / f"{head.head.size:012}.txt").write_text(str(head.note), "utf-8")
        (custody / "keys.txt").write_text("".join(f"{key}\n" for key in said.keys), "utf-8")
        inside = said.proofs.inclusion
        self.lines("custody/events.jsonl", (line(event, inside[event.seq]) for event in said.events))
        grown = sorted(said.proofs.consistency.items())
        self.lines(
            "custody/consistency.jsonl",
            ({"from": old, "to": said.proofs.size, "proof": [step.hex() for step in proof]} for old, proof in grown),
        )
        for event in said.manifests:
            target = custody / "manifests" / f"{event.subject.removeprefix('manifest:')}.jsonl"
            version = str(event.detail.get("version") or "") or None
            self._download(str(event.detail["key"]), version, str(event.detail["sha256"]), target)
        for stamp in said.stamps:
            for key in (stamp.statement, *stamp.answers):
                self._copy(key, custody / "stamps" / Path(key).name)
        for key in said.authorities:
            self._copy(key, custody / "authorities" / Path(key).name)

    def lines(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """A file of JSON lines."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, sort_keys=True, ensure_ascii=False, default=_spelt) + "\n")

    def programs(self) -> None:
        """The verifier, as it lies beside this module."""
        with as_file(files("pipeline.evidence").joinpath("verify.py")) as path:
            shutil.copyfile(path, self.folder / "verify.py")

    def _derived(self, one: Sighted) -> Iterator[tuple[str, str, int]]:
        shots = [shot for shot in self.case.shots if shot.track == one.track]
        best = shots[0].at_ms if shots else one.start_ms
        if one.still_key:
            yield "still", one.still_key, best
        if one.clip_key:
            yield "clip", one.clip_key, one.clip_start_ms or 0
        for shot in shots:
            yield "crop", shot.crop_key, shot.at_ms

    def _marked(self, picture: Picture, key: str, one: Sighted) -> dict[str, object]:
        target = self.folder / picture.file
        target.parent.mkdir(parents=True, exist_ok=True)
        content = self.objects.read(DERIVED, key)
        if picture.kind == "clip":
            unmarked = target.with_name("unmarked.mp4")
            unmarked.write_bytes(content)
            marked_clip(unmarked, target, self._strip())
            unmarked.unlink()
        else:
            target.write_bytes(marked_picture(content, self._strip()))
        return {
            **asdict(picture),
            "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
            "blob": one.blob,
            "recipe": one.recipe,
            "engine": one.engine,
            "mark": self.mark,
            "without_mark_sha256": hashlib.sha256(content).hexdigest(),
        }

    def _strip(self) -> Strip:
        return _strips(self.mark)

    def _download(self, key: str, version: str | None, sha256: str, target: Path, bucket: str = EVIDENCE) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            found = self.objects.download(bucket, key, target, version)
        except (ObjectMissing, ObjectUnreadable) as fault:
            raise Failure(
                f"{key} is missing, or cannot be read: nothing was exported; run `lastseen verify`"
            ) from fault
        if found != sha256:
            raise Failure(f"{key} is not what was stored: nothing was exported; run `lastseen verify`")

    def _copy(self, key: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.objects.download(EVIDENCE, key, target)


def original(sha256: str, media_type: str | None) -> str:
    """Where an original lies, below the package's data folder."""
    return f"originals/{sha256}{ENDINGS.get(media_type or '', '')}"


def room(case: Case, objects: ObjectStore) -> int:
    """Bytes that a package takes.  Raises Failure if a record is missing."""
    try:
        records = sum(objects.size(EVIDENCE, key) for key in case.records)
    except ObjectMissing as fault:
        raise Failure(f"{fault} is missing: nothing was exported; run `lastseen verify`") from fault
    clips = sum(objects.size(DERIVED, one.clip_key) for one in case.sighted if one.clip_key)
    originals = sum(item.size or 0 for item in case.originals.values())
    copies = originals if any(item.kind == FileRole.AUDIO for item in case.items) else 0
    return originals + copies + records + 2 * clips + OVERHEAD


@cache
def _strips(mark: str) -> Strip:
    @cache
    def strip(width: int) -> Pixels:
        return typesetting.strip(mark, width)

    return strip


def _decisions(case: Case) -> Iterator[dict[str, object]]:
    yield from map(_decision, case.sighted)
    yield from map(_refusal, case.refused)
    for judged in case.judged:
        yield from ({"kind": "judgement", "counts_for": judged.candidate, **asdict(one)} for one in judged.judgements)
        for one in judged.verdicts:
            verdict = "possible sighting" if one.verdict is Verdict.SIGHTING else one.verdict
            yield {"kind": "verdict", "candidate": judged.candidate, **asdict(one), "verdict": verdict}
    yield from ({"kind": "hand_over", **asdict(one)} for one in case.handed_over)


def _decision(one: Sighted) -> dict[str, object]:
    """A candidate as it stands; what reviewers said of it are lines of their own kind."""
    return {
        "kind": "candidate",
        "id": one.id,
        "state": one.state,
        "due": one.due,
        "register_number": one.register_number,
        "engine": one.engine,
        "distance": one.distance,
        "expected_false": one.expected_false,
        "calibration": one.calibration,
        "recipe": one.recipe,
        "blob": one.blob,
        "start_ms": one.start_ms,
        "end_ms": one.end_ms,
        "created_at": one.created_at,
    }


def _refusal(one: Refused) -> dict[str, object]:
    """Somebody's word that a face is not the person of these candidates."""
    said = one.rejection
    return {
        "kind": "rejection",
        "id": said.id,
        "candidates": one.candidates,
        "register_number": said.person,
        "blob": said.blob,
        "start_ms": said.start_ms,
        "end_ms": said.end_ms,
        "reason": said.reason,
        "rejected_by": said.rejected_by,
        "rejected_at": said.rejected_at,
        "revoked_by": said.revoked_by,
        "revoked_at": said.revoked_at,
        "why_revoked": said.why,
        "judgements": said.judgements,
    }


def _spelt(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no spelling in JSON")
