"""Follow faces through a shot, keep the best pictures of each, and make its templates.

Memory is bounded by the faces that are on the screen at once: a track keeps at most eight chips until its shot
ends.  Embedding is the dear part.  It is asked for the best shots of a finished track, in one batch, and before that
only where place does not tell whose face it is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

import numpy as np

from extractors.boxes import overlap, overlaps
from extractors.crops import Cropped
from extractors.faces.protocol import Engine
from extractors.glimpses import Glimpse, embed
from extractors.shots import admit, rank
from extractors.templates import likeness, people, templates
from lastseen.choices import Choices
from lastseen.records import BestShot, Box, FaceSeen, Track

Crop = Callable[[Glimpse], Cropped]
"""makes the picture of a face that people will see, while the whole picture is at hand"""
Pair = tuple["OpenTrack", Glimpse]
Thing = TypeVar("Thing")


@dataclass(eq=False, slots=True)
class OpenTrack:
    """A face that may still be on the screen."""

    ordinal: int
    faces: list[FaceSeen]
    last: Glimpse
    seen_at: Fraction
    """when it was last on the screen"""
    checked_at: Fraction
    """when a vector last said whose face it is, or it began"""
    best: list[Glimpse] = field(default_factory=list)
    """the best first"""

    def searched(self) -> list[Glimpse]:
        """Its best shots that passed the gates, in order of time."""
        return sorted((shot for shot in self.best if not shot.gate), key=lambda shot: shot.at)

    def reference(self) -> list[Glimpse]:
        """What another face is compared with: the shots that were embedded already, else the best one, if it passed."""
        passed = self.searched()
        return [shot for shot in passed if shot.vector is not None] or sorted(passed, key=rank)[-1:]

    def divided(self, change: Fraction, ordinal: int) -> "tuple[OpenTrack, OpenTrack]":
        """What it was until another face took its place, and what it has been since, which is numbered anew."""
        until = milliseconds(change)
        before = replace(
            self,
            faces=[face for face in self.faces if face.at_ms <= until],
            best=[shot for shot in self.best if shot.at <= change],
        )
        after = replace(
            self,
            ordinal=ordinal,
            faces=[face for face in self.faces if face.at_ms > until],
            best=[shot for shot in self.best if shot.at > change],
        )
        return before, after


class Tracker:
    """Glimpses in, picture by picture; finished tracks out, numbered in the order in which they began."""

    def __init__(self, engine: Engine, choices: Choices) -> None:
        self.engine, self.choices = engine, choices
        self.shot = -1
        self.started = 0
        self.open: list[OpenTrack] = []
        self.looked_at: Fraction | None = None
        """when the whole picture was last looked at"""

    def cut(self) -> list[Track]:
        """A new shot begins: everything on the screen ends.  Call it before the first picture, too."""
        done = self._finish(self.open)
        self.open, self.looked_at = [], None
        self.shot += 1
        return done

    def see(self, at: Fraction, seen: Sequence[Glimpse], crop: Crop, *, whole: bool = True) -> list[Track]:
        """Take one picture's faces in.  Returns the tracks that have ended.

        Pictures may be any time apart, none before the one before it.  `whole`: the whole picture was looked at, so
        that a face which is not among these is missing; otherwise only some places were, and it may well be there.
        `crop` is called for each glimpse that becomes a best shot.
        """
        done = self._expire(at)
        left = self._unknown(at, seen)
        joins = self._by_place(at, left)
        left = _without(left, joins)
        missing = at if whole else self.looked_at
        joins += self._by_likeness(self._unseen_since(missing, joins), left)
        due = [(track, one) for track, one in joins if one.at - track.checked_at >= self.choices.check_every]
        strangers = {id(one) for _, one in self._strangers(due)}
        for track, one in joins:
            self._extend(track, one, crop)
            done += self._divide(track) if id(one) in strangers else []
        for one in _without(left, joins):
            self._begin(one, crop)
        self.looked_at = missing
        return done

    def same(self, at: Fraction) -> list[Track]:
        """The picture has not changed since the last one: whoever was on the screen still is, where they were."""
        for track in self._on_screen():
            track.faces.append(replace(track.faces[-1], at_ms=milliseconds(at)))
            track.seen_at = at
        self.looked_at = at
        return self._expire(at)

    def weak(self, at: Fraction) -> tuple[Box, ...]:
        """Where those faces were last that came a short while ago and of which there is no good shot yet."""
        new = milliseconds(at - Fraction(self.choices.closer_for))
        return tuple(
            track.last.face.box
            for track in self._on_screen()
            if track.faces[0].at_ms > new and all(shot.weight < self.choices.good_shot for shot in track.best)
        )

    def places(self) -> tuple[Box, ...]:
        """Where the faces were last that are on the screen."""
        return tuple(track.last.face.box for track in self._on_screen())

    def _on_screen(self) -> list[OpenTrack]:
        return [track for track in self.open if self.looked_at is None or track.seen_at >= self.looked_at]

    def _expire(self, at: Fraction) -> list[Track]:
        over = [track for track in self.open if at - track.seen_at > self.choices.longest_gap]
        self.open = _others(self.open, over)
        return self._finish(over)

    def _unknown(self, at: Fraction, seen: Sequence[Glimpse]) -> list[Glimpse]:
        """Those that another look at the same picture has not shown already."""
        here = [track.last for track in self.open if track.last.at == at]
        known = np.any(overlaps(_boxes(seen), _boxes(here)) >= self.choices.sure_place, axis=1).tolist()
        return [one for one, is_known in zip(seen, known, strict=True) if not is_known]

    def _by_place(self, at: Fraction, seen: Sequence[Glimpse]) -> list[Pair]:
        """The faces that are where a track was; where that is doubtful, only those that are like it, too."""
        waiting = [track for track in self.open if track.seen_at < at]
        common = overlaps(_boxes(track.last for track in waiting), _boxes(seen))
        places = np.argwhere(common >= self.choices.same_place)
        near = _greedily((-float(common[row, column]), (waiting[row], seen[column])) for row, column in places)
        strangers = {id(one) for _, one in self._strangers([pair for pair in near if self._is_doubtful(*pair)])}
        return [(track, one) for track, one in near if id(one) not in strangers]

    def _is_doubtful(self, track: OpenTrack, one: Glimpse) -> bool:
        before, now = track.last.face.box, one.face.box
        return (
            overlap(before, now) < self.choices.sure_place
            or one.at - track.seen_at > self.choices.sure_gap
            or max(before.width, now.width) > self.choices.sure_growth * min(before.width, now.width)
        )

    def _strangers(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Those whose face is not the track's; where a vector would tell nothing, place is believed."""
        asked = [(track, one) for track, one in pairs if not one.gate and track.reference()]
        embed([shot for track, one in asked for shot in (*track.reference(), one)], self.engine, self.choices)
        return [pair for pair in asked if not self._is_like(*pair)]

    def _is_like(self, track: OpenTrack, one: Glimpse) -> bool:
        track.checked_at = one.at
        return self._distances(track, [one])[0] <= self.engine.published_threshold * self.choices.continues

    def _distances(self, track: OpenTrack, seen: Sequence[Glimpse]) -> list[float]:
        return [float(value) for value in likeness(track.reference(), seen, self.engine, self.choices)]

    def _unseen_since(self, at: Fraction | None, joins: Sequence[Pair]) -> list[OpenTrack]:
        unseen = [track for track in self.open if at is not None and track.seen_at < at]
        return _others(unseen, (track for track, _ in joins))

    def _by_likeness(self, waiting: Sequence[OpenTrack], left: Sequence[Glimpse]) -> list[Pair]:
        """Where faces and tracks remain, a face moved far: the pairs whose vectors are near, the nearest first."""
        searched = [one for one in left if not one.gate]
        known = [track for track in waiting if track.reference()]
        if not known or not searched:
            return []
        embed([shot for track in known for shot in track.reference()] + searched, self.engine, self.choices)
        pairs = [
            (distance, (track, one))
            for track in known
            for one, distance in zip(searched, self._distances(track, searched), strict=True)
        ]
        within = self.engine.published_threshold * self.choices.continues
        return _greedily(pair for pair in pairs if pair[0] <= within)

    def _begin(self, one: Glimpse, crop: Crop) -> None:
        track = OpenTrack(self._next(), [], one, one.at, one.at)
        self.open.append(track)
        self._extend(track, one, crop)

    def _next(self) -> int:
        self.started += 1
        return self.started - 1

    def _extend(self, track: OpenTrack, one: Glimpse, crop: Crop) -> None:
        track.faces.append(FaceSeen(milliseconds(one.at), one.face.box, float(one.face.score)))
        track.last, track.seen_at = one, one.at
        if one.quality.width >= self.choices.kept_width:
            track.best = admit(track.best, one, self.choices)
            if one in track.best:
                one.crop = crop(one)

    def _divide(self, track: OpenTrack) -> list[Track]:
        """Another face has taken the place of the track's: end what of it shows other people than its last shots."""
        *over, last = self._people(track)
        self.open[self.open.index(track)] = last
        return [self._track(part) for part in over]

    def _finish(self, over: Sequence[OpenTrack]) -> list[Track]:
        embed([shot for track in over for shot in track.searched()], self.engine, self.choices)
        return [self._track(part) for track in over for part in self._people(track)]

    def _people(self, track: OpenTrack) -> list[OpenTrack]:
        """One track for each person that it shows, in order of time: usually itself."""
        runs = people(track.searched(), self.engine, self.choices)
        changes = [(before[-1].at + after[0].at) / 2 for before, after in pairwise(runs)]
        rest, parts = track, []
        for change in changes:
            before, rest = rest.divided(change, self._next())
            parts.append(before)
        return [*parts, rest]

    def _track(self, track: OpenTrack) -> Track:
        passed = track.searched()
        made = templates(passed, self.engine, self.choices)
        return Track(
            ordinal=track.ordinal,
            shot=self.shot,
            start_ms=track.faces[0].at_ms,
            end_ms=track.faces[-1].at_ms,
            faces=tuple(track.faces),
            best_shots=tuple(
                _best_shot(number, shot) for number, shot in enumerate(sorted(track.best, key=lambda shot: shot.at))
            ),
            templates=made,
            gate="" if passed else self._refusal(track),
        )

    def _refusal(self, track: OpenTrack) -> str:
        if track.best:
            return max(track.best, key=rank).gate
        return f"face {track.last.quality.width:.0f} px wide, {self.choices.kept_width:.0f} needed to keep a picture"


def milliseconds(at: Fraction) -> int:
    """Whole milliseconds, never later than the moment itself."""
    return int(at * 1000 // 1)


def _best_shot(number: int, shot: Glimpse) -> BestShot:
    at, crop = milliseconds(shot.at), shot.crop
    return BestShot(number, at, shot.face.box, shot.quality, crop.jpeg, _worth(shot), crop.eyes)


def _greedily(pairs: Iterable[tuple[float, Pair]]) -> list[Pair]:
    """Each track and each glimpse once, the lowest numbers first."""
    taken: set[int] = set()
    chosen = []
    for _, (track, one) in sorted(pairs, key=lambda pair: pair[0]):
        if not taken & {id(track), id(one)}:
            taken |= {id(track), id(one)}
            chosen.append((track, one))
    return chosen


def _without(seen: Sequence[Glimpse], joins: Sequence[Pair]) -> list[Glimpse]:
    return _others(seen, (one for _, one in joins))


def _others(all_: Iterable[Thing], but: Iterable[Thing]) -> list[Thing]:
    """All but those themselves."""
    out = {id(one) for one in but}
    return [one for one in all_ if id(one) not in out]


def _boxes(seen: Iterable[Glimpse]) -> list[Box]:
    return [one.face.box for one in seen]


def _worth(shot: Glimpse) -> float:
    return 0.0 if shot.gate else float(shot.weight)
