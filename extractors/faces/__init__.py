"""The engines, by name.

An engine is a detector and an embedder, `yunet+sface`, each of them a pack (`packs.py`) or dlib's, read from the files
of the face-recognition package; `dlib` is both of dlib's.  Importing this loads nothing heavy; `load` does.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from extractors.faces import installed, packs
from extractors.faces.packs import DetectorPack, EmbedderPack, Pack
from extractors.faces.protocol import Chips, Detector, Embedder, Engine, EngineUnavailable, Face
from extractors.faces.weights import CNN_DETECTOR, EMBEDDER, FIVE_POINTS, WeightFile, verified

# The customary 0.6 has a false match rate of 3.4e-3 on web photos of 24 people: some 300 false candidates a face at
# 100,000 photos.  Among the pictures that this was first tried on, strangers' templates lay 0.59 apart or more and
# a person's own 0.38 - 0.57; 0.5 keeps a margin on the strangers' side.  An office's own calibration replaces it.
DLIB_THRESHOLD: Final = 0.5

# Among six shared portraits strangers lie 0.70 apart or more, and photos of one person 0.39 or less.
DLIB_APART: Final = 0.65
RIGHT_ANGLE: Final = 2**0.5
"""how far apart strangers' unit vectors lie on average"""

DLIB: Final = "dlib"
MMOD_VERSION: Final = 1
"""of the detector behind `dlib`"""
DLIB_VERSION: Final = 1
"""of the embedder behind `dlib`"""

__all__ = [
    "DLIB_THRESHOLD",
    "DLIB_VERSION",
    "MMOD_VERSION",
    "Chips",
    "Engine",
    "EngineUnavailable",
    "Face",
    "embedder_pack",
    "engine_id",
    "load",
    "names",
    "prepare",
    "published_apart",
    "published_threshold",
]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine's name stands for: packs, or None for dlib's own."""

    name: str
    detector: DetectorPack | None
    embedder: EmbedderPack | None


def names(models: Path) -> tuple[str, ...]:
    """Every engine that can be put together from what is described, installed or not."""
    known = list(packs.every(models))
    detectors = [pack.name for pack in known if isinstance(pack, DetectorPack)]
    embedders = [DLIB, *(pack.name for pack in known if isinstance(pack, EmbedderPack))]
    return (DLIB, *(f"{detector}+{embedder}" for detector in detectors for embedder in embedders))


def engine_id(name: str, models: Path) -> str:
    """`NAME/VERSION/8 hex` for detector, alignment, embedder and weights.

    Reads dlib's files once a process; packs' files must be there, and are read by `prepare` and `load`.
    Raises EngineUnavailable.
    """
    parts = _parts(name, models)
    halves = (_said(parts.detector, models, CNN_DETECTOR), _said(parts.embedder, models, FIVE_POINTS, EMBEDDER))
    return f"{name}/{_version(parts)}/{hashlib.sha256(''.join(halves).encode()).hexdigest()[:8]}"


def published_threshold(name: str, models: Path) -> float:
    """Largest distance worth a person's look when an office has no calibration; loads nothing."""
    embedder = _parts(name, models).embedder
    return DLIB_THRESHOLD if embedder is None else embedder.published_threshold


def published_apart(name: str, models: Path) -> float:
    """Distance beyond which two good photos are hardly of one person; loads nothing.

    Of a network whose vectors have length 1: half-way from its threshold to where strangers lie on average.
    """
    embedder = _parts(name, models).embedder
    return DLIB_APART if embedder is None else (embedder.published_threshold + RIGHT_ANGLE) / 2


def embedder_pack(name: str, models: Path) -> EmbedderPack | None:
    """The pack behind the second half of an engine; None: dlib's own.  Raises EngineUnavailable."""
    return _parts(name, models).embedder


def prepare(name: str, models: Path) -> None:
    """Make `models` hold all that `load` reads, so that a sandboxed child needs not write there.

    Packs are checked, dlib's weights converted.  Raises EngineUnavailable.
    """
    parts = _parts(name, models)
    for pack in (parts.detector, parts.embedder):
        if pack is not None:
            installed.verified(pack, models)
    if parts.detector is None or parts.embedder is None:
        from extractors.faces import converted

        converted.prepare(models)


@cache
def load(name: str, models: Path, threads: int = 0) -> Engine:
    """The engine, its weights verified and itself checked; once a process.  Raises EngineUnavailable.

    `threads`: how many it may use; 0 for all cores of this process.
    """
    from extractors.faces.check import check
    from extractors.faces.engine import Joined
    from extractors.faces.sessions import use_threads

    use_threads(threads)
    parts = _parts(name, models)
    engine = Joined(name, _detector(parts.detector, models, threads), _embedder(parts.embedder, models, threads))
    check(engine, parts.embedder)
    return engine


def _detector(pack: DetectorPack | None, models: Path, threads: int) -> Detector:
    if pack is None:
        from extractors.faces.mmod import Mmod

        return Mmod.load(models, threads)
    from extractors.faces.gridded import Gridded

    held = installed.verified(pack, models)
    return Gridded.load(pack, held.file, held.path, threads)


def _embedder(pack: EmbedderPack | None, models: Path, threads: int) -> Embedder:
    if pack is None:
        from extractors.faces.dlib_embedder import DlibEmbedder

        return DlibEmbedder.load(models, threads)
    from extractors.faces.arcface import ArcFace

    held = installed.verified(pack, models)
    return ArcFace.load(pack, held.file, held.path, threads)


def _parts(name: str, models: Path) -> Parts:
    if name == DLIB:
        return Parts(name, None, None)
    detector, plus, embedder = name.partition("+")
    finds, knows = packs.named(detector, models), packs.named(embedder, models)
    if not plus or not isinstance(finds, DetectorPack) or (embedder != DLIB and not isinstance(knows, EmbedderPack)):
        raise EngineUnavailable(_no_engine(name, models))
    return Parts(name, finds, knows if isinstance(knows, EmbedderPack) else None)


def _no_engine(name: str, models: Path) -> str:
    there = ", ".join(names(models))
    pack = packs.named(name, models)
    if isinstance(pack, DetectorPack):
        return f"{name} finds faces only: name an embedder with it, e.g. {name}+{DLIB} (there are {there})"
    if pack is not None:
        return f"{name} needs a detector that gives five points before it, e.g. yunet+{name} (there are {there})"
    return f"there is no engine {name!r}: there are {there}; an engine is DETECTOR+EMBEDDER (`lastseen models list`)"


def _version(parts: Parts) -> int:
    """As `Joined` puts it together."""
    detector = parts.detector.version if parts.detector else MMOD_VERSION
    return detector * 100 + (parts.embedder.version if parts.embedder else DLIB_VERSION)


def _said(pack: Pack | None, models: Path, *own: WeightFile) -> str:
    """What half an engine is made of, a line for each file."""
    if pack is None:
        return "".join(f"{verified(file).name} {file.sha256}\n" for file in own)
    return f"{installed.usable(pack, models).file.sha256} {packs.digest(pack)}\n"
