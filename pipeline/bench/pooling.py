"""`lastseen bench pooling`: what a track's pooled template finds that its best single picture does not.

Clean faces of real people are degraded into many views.  Some of them, drawn at random, are taken for the shots of a
track; their template is compared with the clean photos of the same person (genuine) and of everybody else (impostors).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.faces.engine import Joined
from extractors.faces.protocol import Detection
from extractors.glimpses import Glimpse, embed, glimpses
from extractors.templates import templates
from lastseen.errors import Failure
from lastseen.records import Pixels, Vectors
from lastseen.settings import settings
from pipeline.bench import ours
from pipeline.bench.children import child
from pipeline.bench.ours import Chosen
from pipeline.bench.pictures import people
from pipeline.bench.views import degraded
from pipeline.console import say

METHODS: Final = ("one frame", "best frame", "plain mean", "pooled", "searched")
"""any of the views, the one that the tracker finds best, the mean of all, the tracker's template; the nearest of all
templates of the track, as the search takes it"""
COUNTS: Final = (1, 3, 5, 8)
"""views a track; 8 is the most that a track keeps"""
VIEWS: Final = 48
MOST_REFUSED: Final = 4 * VIEWS
"""of each face, from which tracks are drawn"""
TRACKS: Final = 80
"""drawn for each face and count"""
FMR: Final = 0.01
CLEAN_WIDTH: Final = 64.0
"""pixels of a face that is taken for clean: what the register asks of a photo"""
MOST_FACES: Final = 60


@dataclass(frozen=True, eq=False, slots=True)
class Clean:
    """One face on a good picture."""

    person: int
    picture: Pixels
    found: Detection
    vector: Vectors
    """1 x d"""


@dataclass(frozen=True, slots=True)
class Row:
    """One method on tracks of so many views."""

    views: int
    method: str
    tar: float
    """true accept rate at FMR"""
    genuine: float
    """mean distance to the person's own photos"""
    within: float
    """share of genuine pairs within the engine's published threshold"""
    false: float
    """share of impostor pairs within it"""


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    engine: str
    people: int
    faces: int
    own_photo_only: int
    """faces whose person has no other photo: compared with the clean photo that they were made from"""
    refused: float
    """share of the views that the tracker's gates refused; others took their place"""
    rows: tuple[Row, ...]

    def of(self, views: int, method: str) -> Row:
        """That row."""
        return next(row for row in self.rows if (row.views, row.method) == (views, method))

    def fields(self) -> dict[str, object]:
        """For scripts."""
        most = COUNTS[-1]
        return {
            "engine": self.engine,
            "people": self.people,
            "faces": self.faces,
            "faces_with_their_own_photo_only": self.own_photo_only,
            "fmr": FMR,
            "refused_views": round(self.refused, 4),
            "gain": round(self.of(most, "pooled").tar - self.of(most, "best frame").tar, 4),
            "table": [
                {
                    "views": row.views,
                    "method": row.method,
                    "tar": round(row.tar, 4),
                    "genuine": round(row.genuine, 4),
                    "within": round(row.within, 4),
                    "false": round(row.false, 4),
                }
                for row in self.rows
            ],
        }

    def lines(self) -> Iterator[tuple[str, ...]]:
        """For people: a line for each number of views, a column for each method."""
        for count in COUNTS:
            found = [self.of(count, method) for method in METHODS]
            yield (str(count), *(f"{row.tar:.3f} {row.within:.3f} ({row.genuine:.3f})" for row in found))


def run(folder: Path, chosen: Chosen) -> Report:
    """Measure, in a child process.  Raises WrongUse and Failure."""
    photos = people(folder)
    with child(chosen.threads) as us:
        us.ask(ours.ready, chosen)
        named = all(path.parent != folder for paths in photos.values() for path in paths)
        return us.ask(measured, chosen, photos, named)


# --- in the child ------------------------------------------------------------------------------------------


def measured(chosen: Chosen, photos: Mapping[str, Sequence[Path]], named: bool) -> Report:
    """All of it.  `named`: the photos of a person are known to be; else faces that are alike are one person's."""
    engine = ours.joined(chosen)
    faces = list(_clean(chosen, engine, photos, named))[:MOST_FACES]
    faces = faces if named else _grouped(faces, engine)
    whose = np.array([one.person for one in faces])
    if len(set(whose)) < 2:
        raise Failure(f"{len(faces)} faces of {len(set(whose))} people are too few: strangers must be told apart")
    random = np.random.default_rng(0)
    gallery = np.concatenate([one.vector for one in faces])
    refused = 0
    tally = _Tally(engine, whose, gallery)
    for place, face in enumerate(faces):
        say(f"views of face {place + 1} of {len(faces)}")
        shots, lost = _views(face, engine, random)
        refused += lost
        tally.add(place, shots, random)
    alone = sum(int((whose == one.person).sum() == 1) for one in faces)
    share = refused / (refused + VIEWS * len(faces))
    return Report(chosen.name, len(set(whose)), len(faces), alone, share, tuple(tally.rows()))


class _Tally:
    """Distances of genuine and impostor pairs, by number of views and method."""

    def __init__(self, engine: Joined, whose: NDArray[np.int_], gallery: Vectors) -> None:
        self._engine, self._whose, self._gallery = engine, whose, gallery
        self._genuine: dict[tuple[int, str], list[float]] = {}
        self._impostor: dict[tuple[int, str], list[float]] = {}

    def add(self, place: int, shots: Sequence[Glimpse], random: np.random.Generator) -> None:
        """Tracks drawn from the views of the face at this place of the gallery."""
        for count in COUNTS:
            for _ in range(TRACKS):
                drawn = [shots[number] for number in random.choice(len(shots), count, replace=False)]
                for method, vectors in zip(METHODS, _templates(drawn, self._engine), strict=True):
                    self._compare(place, (count, method), vectors)

    def rows(self) -> Iterator[Row]:
        """What came of it."""
        for (count, method), genuine in self._genuine.items():
            tar = tar_at(genuine, self._impostor[count, method], FMR)
            within, false = (self._within(distances) for distances in (genuine, self._impostor[count, method]))
            yield Row(count, method, tar, float(np.mean(genuine)), within, false)

    def _within(self, distances: Sequence[float]) -> float:
        return float((np.asarray(distances) <= self._engine.published_threshold).mean())

    def _compare(self, place: int, key: tuple[int, str], vectors: Vectors) -> None:
        """With each person's nearest photo; the one that the views were made from counts only if there is no other."""
        distances = self._engine.distance(vectors, self._gallery).min(axis=0)
        for person in np.unique(self._whose):
            theirs = self._whose == person
            if person == self._whose[place]:
                theirs[place] = theirs.sum() == 1
                self._genuine.setdefault(key, []).append(float(distances[theirs].min()))
            else:
                self._impostor.setdefault(key, []).append(float(distances[theirs].min()))


def tar_at(genuine: Sequence[float], impostor: Sequence[float], fmr: float) -> float:
    """True accept rate at the largest threshold that accepts no more than this share of the impostors."""
    allowed = int(fmr * len(impostor))
    nearest = np.partition(np.asarray(impostor, np.float64), allowed)[allowed]
    return float((np.asarray(genuine) < nearest).mean())


def _templates(shots: Sequence[Glimpse], engine: Joined) -> tuple[Vectors, ...]:
    """In the order of METHODS, each n x d."""
    choices = settings().analysis
    made = {one.kind: np.array([one.vector], np.float32) for one in templates(shots, engine, choices)}
    vectors = embed(shots, engine, choices)
    searched = np.concatenate(list(made.values()))
    return vectors[:1], made["best"], vectors.mean(axis=0, keepdims=True), made["pooled"], searched


def _views(face: Clean, engine: Joined, random: np.random.Generator) -> tuple[list[Glimpse], int]:
    """VIEWS of them that pass the tracker's gates, embedded, and how many more did not pass."""
    choices = settings().analysis
    kept: list[Glimpse] = []
    refused = 0
    while len(kept) < VIEWS:
        view = degraded(face.picture, face.found, random)
        shown = engine.embedder.face(view.pixels, view.found)
        [shot] = glimpses(Fraction(len(kept)), view.pixels, [shown], engine, choices)
        if not shot.gate:
            kept.append(shot)
            continue
        refused += 1
        if refused > MOST_REFUSED:
            raise Failure(f"degraded views of a face do not pass the gates of this installation: {shot.gate}")
    embed(kept, engine, choices)
    return kept, refused


def _clean(chosen: Chosen, engine: Joined, photos: Mapping[str, Sequence[Path]], named: bool) -> Iterator[Clean]:
    """Faces like those of a register; of photos that are said to show one person, those with one face."""
    for person, paths in enumerate(photos.values()):
        for pixels in [read for path in paths if (read := ours.picture(path)) is not None]:
            found = ours.find(chosen, pixels)
            for one in found if len(found) == 1 or not named else ():
                if one.box.width >= CLEAN_WIDTH:
                    chips = engine.align(pixels, [engine.embedder.face(pixels, one)])
                    yield Clean(person, pixels, one, engine.embed(chips))


def _grouped(faces: Sequence[Clean], engine: Joined) -> list[Clean]:
    """Nobody says who they are: faces that lie within the engine's threshold of each other are one person's."""
    if not faces:
        return []
    vectors = np.concatenate([one.vector for one in faces])
    near = engine.distance(vectors, vectors) <= engine.published_threshold
    whose = np.arange(len(faces))
    for row, column in np.argwhere(near):
        whose[whose == whose[column]] = whose[row]
    return [replace(face, person=int(person)) for face, person in zip(faces, whose, strict=True)]
