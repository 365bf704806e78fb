"""Step: the kept pictures of one analysis in, templates of its tracks by the engine that is set now out.

The engine was changed: tracks that another one found are made ready for this one without decoding a film again.  The
analysis stays what it was, and so do its templates by the old engine.  Afterwards the tracks are matched with the
register as new ones are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from lastseen.outcomes import Done, Fault, Outcome
from lastseen.records import CropKept, CropsKept, Rejection, Template, TrackReembedded
from pipeline.runner import Bench, Result, Step
from storage import engines, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.engines import Count, Kept, Shot
from storage.objects import DERIVED, ObjectMissing
from storage.sealing import Sealer
from storage.work import Claim, Queue

NAME = engines.STEP
PRIORITY: Final = -1
"""of these items and of their matches: what is new goes first"""
CROPS: Final = 128
"""opened by one child, unless one track has more: some seconds' work"""

Templates = dict[int, tuple[Template, ...]]
"""track -> what it is searched by"""


@dataclass(frozen=True, slots=True)
class Job:
    """What is left of an analysis, and the engine's id."""

    kept: Kept
    engine: str


@dataclass(frozen=True, slots=True)
class Made:
    """Templates of the tracks that got some, and what became of all."""

    templates: Templates
    count: Count


def step(engine: str, sealer: Sealer) -> Step[Job, Made]:
    """Embed the tracks of an analysis with the engine of this id."""

    def keep(db: Connection, result: Result[Job, Made]) -> list[Entry]:
        return [_keep(db, result.job, made, sealer) for made in result.made]

    return Step(NAME, engine, _load, _run, keep)


def _load(db: Connection, claim: Claim) -> Job:
    return Job(engines.kept(db, claim.subject), claim.recipe)


def _run(job: Job, bench: Bench) -> Outcome[Made]:
    answered = sum((_portion(job.kept, shots, bench) for shots in _portions(job.kept.shots)), _Answered())
    made = {track.track: track.templates for track in answered.tracks if track.templates}
    opened = {track.track for track in answered.tracks if track.pictures}
    lost = sum(track not in opened for track in job.kept.tracks)
    count = Count(len(made), job.kept.expired, lost, len(job.kept.tracks) - len(made) - lost)
    return Done((Made(made, count),), note=_note(count, answered.why), flaw=_flaw(count, answered.why))


@dataclass(frozen=True, slots=True)
class _Answered:
    tracks: tuple[TrackReembedded, ...] = ()
    why: str = ""
    """what was wrong with others"""

    def __add__(self, other: "_Answered") -> "_Answered":
        return _Answered(self.tracks + other.tracks, self.why or other.why)


def _portion(kept: Kept, shots: Sequence[Shot], bench: Bench) -> _Answered:
    """Have one child open the crops of some tracks; what kills or confuses it is parted from the others."""
    path = bench.scratch / "crops"
    crops = _written(shots, path, bench)
    if not crops:
        return _Answered()
    found = bench.box.reembed(path, CropsKept(kept.width, kept.height, crops))
    asked = sorted({crop.track for crop in crops})
    if not isinstance(found, Rejection) and {track.track for track in found.tracks} <= set(asked):
        return _Answered(found.tracks)
    if len(asked) == 1:
        return _Answered(why=found.why if isinstance(found, Rejection) else "the child process told of other tracks")
    half = asked[len(asked) // 2]
    parts = [shot for shot in shots if shot.track < half], [shot for shot in shots if shot.track >= half]
    return _portion(kept, parts[0], bench) + _portion(kept, parts[1], bench)


def _written(shots: Sequence[Shot], path: Path, bench: Bench) -> tuple[CropKept, ...]:
    """Their crops into one file, one after the other."""
    crops = []
    with path.open("wb") as file:
        for shot in shots:
            if picture := _read(bench, shot.key):
                crops.append(CropKept(shot.track, file.tell(), len(picture), shot.at_ms, shot.box))
                file.write(picture)
    return tuple(crops)


def _read(bench: Bench, key: str) -> bytes:
    """A crop; empty if it is gone: faces may expire while they are read."""
    try:
        return bench.stores.objects.read(DERIVED, key)
    except ObjectMissing:
        return b""


def _portions(shots: Sequence[Shot]) -> Iterator[list[Shot]]:
    """Whole tracks, as many as have CROPS pictures together."""
    portion: list[Shot] = []
    for _, of_track in groupby(shots, key=lambda shot: shot.track):
        more = list(of_track)
        if portion and len(portion) + len(more) > CROPS:
            yield portion
            portion = []
        portion += more
    if portion:
        yield portion


def _note(count: Count, why: str) -> str:
    said = [f"{count.tracks} tracks embedded"]
    if count.expired:
        said.append(f"{count.expired} have expired (LASTSEEN_RETENTION_DAYS)")
    if count.lost:
        said.append(f"{count.lost} have no picture left that opens{f' ({why})' if why else ''}")
    if count.without_face:
        said.append(f"on {count.without_face} this engine finds no face that passes its gates")
    return ", ".join(said)


def _flaw(count: Count, why: str) -> Fault | None:
    """The gravest: what could not be read, what is gone, what the engine's gates leave out."""
    if count.lost:
        return Fault.DEFECT if why else Fault.GONE
    return Fault.SKIPPED if count.expired or count.without_face else None


def _keep(db: Connection, job: Job, made: Made, sealer: Sealer) -> Entry:
    kept, queue = job.kept, Queue("match_tracks", job.engine, (job.kept.analysis,))
    tracks = engines.keep(db, kept.analysis, job.engine, made.templates, made.count, sealer)
    if tracks:
        work.offer(db, queue, [kept.analysis], PRIORITY)
        work.again(db, queue)
    detail = {"analysis": kept.analysis, "engine": job.engine, "tracks": tracks, "from": "crops"}
    return Entry(Action.DERIVED, f"blob:{kept.sha256}", detail)
