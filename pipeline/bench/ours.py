"""Our side, called in a child process only: the engines, and the whole way from a file to its tracks.

The one place of the benches that calls the analysis and opens pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from extractors import faces
from extractors.analysis import analyze_file, enroll_file
from extractors.faces.dlib_format import read
from extractors.faces.dlib_graphs import operations
from extractors.faces.engine import Joined
from extractors.faces.protocol import Chips, Detection, Engine
from extractors.faces.weights import EMBEDDER, verified
from extractors.limits import Limits, Unfit
from extractors.media import open_still
from lastseen.errors import Failure
from lastseen.records import Analysis, Box, Pixels, Rejection, Vectors
from lastseen.settings import settings
from pipeline.bench.matching import Scored

DEADLINE_SECONDS = 24 * 3600.0
"""no deadline: a bench waits"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An engine, and what it runs on."""

    name: str
    models: Path
    threads: int


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the parent wants to know of an engine."""

    engine_id: str
    threshold: float


def ready(chosen: Chosen) -> EngineFacts:
    """Load it, and convert its weights where that was not done yet.  Raises EngineUnavailable."""
    faces.prepare(chosen.name, chosen.models)
    engine = _engine(chosen)
    return EngineFacts(faces.engine_id(chosen.name, chosen.models), engine.published_threshold)


def picture(path: Path) -> Pixels | None:
    """A still picture as shown, RGB; None if this is no picture."""
    try:
        return open_still(path, _limits()).pixels
    except Unfit:
        return None


# --- the engine's halves -----------------------------------------------------------------------------------


def find(chosen: Chosen, pixels: Pixels) -> list[Detection]:
    """The faces of a picture that are worth searching with, their boxes in whole pixels."""
    engine = joined(chosen)
    found = engine.detector.detect([pixels])[0]
    return [replace(one, box=_whole(one.box)) for one in found if one.score >= engine.min_score]


def detect(chosen: Chosen, pixels: Pixels) -> list[Scored]:
    """All that the detector finds in the picture as it is."""
    return [Scored(one.box, float(one.score)) for one in joined(chosen).detector.detect([pixels])[0]]


def locate(chosen: Chosen, pixels: Pixels) -> list[Box]:
    """The faces of the picture doubled, with all that an engine does to it: landmarks, too."""
    return [face.box for face in _engine(chosen).detect([pixels], scale=2.0)[0]]


def chips(chosen: Chosen, jobs: Sequence[tuple[Pixels, Sequence[Box]]]) -> Chips:
    """The aligned chips of known faces."""
    embedder = joined(chosen).embedder
    parts = []
    for pixels, boxes in jobs:
        known = [embedder.face(pixels, Detection(box, 1.0, None)) for box in boxes]
        parts.append(embedder.align(pixels, known))
    return np.concatenate(parts)


def encode(chosen: Chosen, jobs: Sequence[tuple[Pixels, Sequence[Box]]]) -> Vectors:
    """The whole way from known faces to vectors: landmarks, chips, and the embedder on all of them at once."""
    return embed(chosen, chips(chosen, jobs))


def embed(chosen: Chosen, aligned: Chips) -> Vectors:
    """The embedder alone."""
    return _engine(chosen).embed(aligned)


def embedder_flop() -> int:
    """What one chip costs dlib's embedder, counted in the network as its authors published it."""
    return operations(read(verified(EMBEDDER)))


# --- whole files -------------------------------------------------------------------------------------------


def analyze(chosen: Chosen, path: Path) -> Analysis:
    """From the file to tracks with templates, as the sandboxed child does it.  Raises Failure."""
    found = analyze_file(path, _engine(chosen), _limits(), settings().analysis, chosen.threads)
    if isinstance(found, Rejection):
        raise Failure(f"{path}: {found.why}")
    return found


def register(chosen: Chosen, photos: Mapping[str, Sequence[Path]]) -> dict[str, Vectors]:
    """The templates of each person's accepted photos; people without one are left out."""
    made: dict[str, Vectors] = {}
    for person, paths in photos.items():
        kept = [enroll_file(path, _engine(chosen), _limits(), settings().analysis) for path in paths]
        vectors = [one.template.vector for one in kept if not isinstance(one, Rejection)]
        if vectors:
            made[person] = np.array(vectors, np.float32)
    return made


def nearest(chosen: Chosen, found: Analysis, known: Mapping[str, Vectors]) -> dict[str, float]:
    """Person -> smallest distance of any template of any track that is searched."""
    vectors = [template.vector for track in found.tracks if not track.gate for template in track.templates]
    if not vectors:
        return {}
    probes = np.array(vectors, np.float32)
    return {person: float(_engine(chosen).distance(probes, gallery).min()) for person, gallery in known.items()}


def decode(path: Path) -> int:
    """Decode a video and do nothing with it, as PyAV does unless told otherwise; how many pictures it has."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def _engine(chosen: Chosen) -> Engine:
    return faces.load(chosen.name, chosen.models, chosen.threads)


def joined(chosen: Chosen) -> Joined:
    engine = _engine(chosen)
    if not isinstance(engine, Joined):
        raise Failure(f"{chosen.name} has no halves that could be measured one by one")
    return engine


def _limits() -> Limits:
    return replace(Limits.of(settings()), deadline_seconds=DEADLINE_SECONDS)


def _whole(box: Box) -> Box:
    return Box(round(box.x), round(box.y), round(box.width), round(box.height))
