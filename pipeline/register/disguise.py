"""Step: the probe of one known pair in; the same as if it had been published out, as a picture and as a film."""

import hashlib
from dataclasses import dataclass
from typing import Final

from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import Disguised, DisguiseWanted, FilmWanted, Rejection
from pipeline.runner import Bench, Result, Step
from storage import keys, known_pairs
from storage.custody import Entry
from storage.database import Connection
from storage.known_pairs import Probe, UsualFilm
from storage.objects import DERIVED, REGISTER
from storage.work import Claim

NAME = known_pairs.STEP
NARROWEST, WIDEST = 48.0, 160.0
"""pixels that a face is made wide, where too few pictures came to go by"""
POOREST, BEST = 55, 85
"""of JPEG, as platforms save pictures anew"""
FINEST, COARSEST = 24, 34
"""of x264's constant quality: as platforms compress films"""
MOST_ZOOM: Final = 0.15
"""of itself, by which the picture of a film grows or shrinks"""
SHORTEST, LONGEST = 6.0, 9.0
"""seconds of a film: what is shown of it reaches two to both sides, and most of a longer one is seen by nobody"""
SLOWEST, FASTEST, USUAL_RATE = 10.0, 30.0, 25.0
"""pictures a second: of most films, and where no clip says what is usual"""
UNKNOWN: Final = UsualFilm(640, 360, 120_000, 0, SHORTEST, 0.0, None)
"""what a film is like where too few came to go by; the width of a face is drawn as that of a picture"""
BYTES_A_DRAW: Final = 4


@dataclass(frozen=True, slots=True)
class Look:
    """Numbers, 0 to below 1, that a photo always has."""

    width: float
    """where it lies among widths of faces in pictures"""
    quality: float
    """among qualities of JPEG"""
    film: float
    """among the office's films"""
    crf: float
    zoom: float
    across: float
    down: float
    since: float
    """where in a film it begins"""


@dataclass(frozen=True, slots=True)
class Job:
    """A probe, and what it is to look like; None: its photo was removed."""

    probe: Probe | None
    wanted: DisguiseWanted


def step() -> Step[Job, Disguised]:
    """Make the pictures and the film of a known pair's probe."""
    return Step(NAME, "", _load, _run, _keep)


def look_of(sha256: str) -> Look:
    """How a photo is made to look, by its hash: made again, it looks the same."""
    drawn = hashlib.sha256(f"known pair {sha256}".encode()).digest()
    starts = range(0, len(drawn), BYTES_A_DRAW)
    return Look(*(int.from_bytes(drawn[at : at + BYTES_A_DRAW]) / 2 ** (8 * BYTES_A_DRAW) for at in starts))


def film_wanted(like: UsualFilm, look: Look) -> FilmWanted:
    """A film of a photo that is like one of the office's."""
    seconds = min(max(like.seconds, SHORTEST), LONGEST)
    return FilmWanted(
        width=like.width,
        height=like.height,
        rate=min(max(like.rate or USUAL_RATE, SLOWEST), FASTEST),
        seconds=seconds,
        face_width=like.face_width or _between(NARROWEST, WIDEST, look.width),
        crf=round(_between(FINEST, COARSEST, look.crf)),
        zoom=_between(-MOST_ZOOM, MOST_ZOOM, look.zoom),
        drift=(_between(-1, 1, look.across), _between(-1, 1, look.down)),
        since_ms=round(max(0.0, like.duration_ms - seconds * 1000) * look.since),
    )


def _between(least: float, most: float, part: float) -> float:
    return least + part * (most - least)


def _load(db: Connection, claim: Claim) -> Job:
    probe = known_pairs.probe(db, claim.subject)
    look = look_of(probe.sha256 if probe else "")
    usual = known_pairs.usual_width(db, look.width) or _between(NARROWEST, WIDEST, look.width)
    film = film_wanted(known_pairs.usual_film(db, look.film) or UNKNOWN, look)
    return Job(probe, DisguiseWanted(usual, round(_between(POOREST, BEST, look.quality)), film))


def _run(job: Job, bench: Bench) -> Outcome[Disguised]:
    if job.probe is None:
        return NotDone(Fault.SKIPPED, "its photo was removed")
    path = bench.download(REGISTER, job.probe.key, job.probe.sha256)
    made = bench.box.disguise(path, job.wanted)
    if isinstance(made, Rejection):
        return NotDone(Fault(made.fault), made.why)
    return Done((made,), tuple(_object(job.probe, *piece) for piece in known_pairs.pieces(made).items()))


def _object(probe: Probe, what: str, content: bytes) -> ObjectToStore:
    media_type = "video/mp4" if what.endswith(".mp4") else "image/jpeg"
    key = keys.disguised(probe.sha256, probe.id, what)
    return ObjectToStore(DERIVED, key, content, hashlib.sha256(content).hexdigest(), media_type)


def _keep(db: Connection, result: Result[Job, Disguised]) -> list[Entry]:
    probe = result.job.probe
    if probe is not None:
        for made in result.made:
            known_pairs.keep_disguise(db, probe.id, made, lambda what: keys.disguised(probe.sha256, probe.id, what))
    return []
