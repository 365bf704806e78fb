"""One pass through a video: what is looked at, followed and kept, and what is said of it at the end."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from extractors import cast, room
from extractors.boxes import edges, meeting, overlap, scaled
from extractors.crops import CROP_SIDE, CROP_TIMES, HIDDEN_TIMES, Cropped, cropped
from extractors.faces.protocol import Engine, Face
from extractors.frames import Cut, End, Event, Lost, Pace, Picture, Remark, Same, sample
from extractors.glimpses import Glimpse, glimpses
from extractors.limits import Limits, Unfit
from extractors.looks import Looker, surest
from extractors.media import Video
from extractors.tracks import Tracker, milliseconds
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import Analysis, Box, Shot, Track

COMPLETE_WITHIN: Final = Fraction(1)
"""seconds by which containers misstate how long a video lasts; as much may fail to decode: two looks at the usual
cadence.  No setting: what is called complete must mean the same in every office"""


@dataclass(slots=True)
class Watch:
    """One pass through one video."""

    video: Video
    engine: Engine
    limits: Limits
    choices: Choices
    stop: float
    """on the monotonic clock"""
    looker: Looker = field(init=False)
    tracker: Tracker = field(init=False)
    pace: Pace = field(default_factory=Pace)
    weak: tuple[Box, ...] = ()
    """where faces are of which a better shot is wanted"""
    tracks: list[Track] = field(default_factory=list)
    starts: list[Fraction] = field(default_factory=list)
    ends: list[Fraction] = field(default_factory=list)
    """of all shots but the last"""
    looked_at: int = 0
    crowd: int = 0
    """the most faces that a picture had"""
    crop_bytes: int = 0
    said: int = 0
    """bytes that the tracks take in the verdict, without their positions"""
    left: str = ""
    """why the rest was not looked at: of ours, not of the video's"""
    losses: list[Lost] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    end: End | None = None
    last: Fraction = Fraction(0)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.looker = Looker(self.engine, self.choices)
        self.tracker = Tracker(self.engine, self.choices)

    def run(self) -> Analysis:
        """Look at all of it, or as much as there is time for.  Raises limits.Unfit if it gives nothing."""
        with closing(sample(self.video, self.limits, self.choices, self.pace)) as events:
            for event in events:
                self._take(event)
                self.left = self._why_leave()
                if self.left:
                    break
        self._keep(self.tracker.cut())
        return self._verdict()

    def _why_leave(self) -> str:
        if time.monotonic() > self.stop:
            return "time ran out (LASTSEEN_ANALYZE_DEADLINE_SECONDS)"
        return "more tracks than one verdict holds" if self.said > room.TRACK_BYTES else ""

    def _take(self, event: Event) -> None:
        match event:
            case Picture():
                self._picture(event)
            case Same(at):
                self.last = at
                self._keep(self.tracker.same(at))
            case Cut(at):
                self._cut(at)
            case Lost():
                self.losses.append(event)
            case Remark(text):
                self.notes.append(text)
            case End():
                self.end = event

    def _cut(self, at: Fraction) -> None:
        if self.starts:
            self.ends.append(max(at, self.last))
        self.starts.append(at)
        self.looker.cut()
        self.weak, self.pace.closer_until, self.pace.look_from = (), None, None
        self._keep(self.tracker.cut())

    def _picture(self, picture: Picture) -> None:
        self.looked_at += 1
        self.last = picture.at
        height, width = picture.pixels.shape[:2]
        self.size = self.size if self.size != (0, 0) else (width, height)
        looked = self.looker.look_between(picture, self.weak) if picture.between else self.looker.look(picture)
        self.crowd = max(self.crowd, len(looked.faces))
        faces = surest(looked.faces, self.choices.most_faces)
        seen = glimpses(picture.at, picture.pixels, faces, self.engine, self.choices)
        elsewhere = () if looked.everywhere else self.tracker.places()
        crop = cropper(picture, looked.faces, elsewhere, room.crop_side(self.crop_bytes))
        self._keep(self.tracker.see(picture.at, seen, crop, whole=looked.everywhere))
        self._ask_for_more(picture.at)

    def _ask_for_more(self, at: Fraction) -> None:
        """Have pictures come closer together for as long as a face that has just come has no good shot yet."""
        self.weak = self.tracker.weak(at)
        self.pace.closer_until = at + Fraction(self.choices.every) if self.weak else None
        self.pace.look_from = self.looker.closer_due()

    def _keep(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            kept = track if self.crop_bytes < room.CROP_BYTES else room.with_best_only(track)
            self.crop_bytes += sum(len(shot.crop) for shot in kept.best_shots)
            self.said += room.size(kept)
            self.tracks.append(kept)
        if self.said > room.TRACK_BYTES:
            self.tracks = [room.with_best_only(track) for track in self.tracks]
            self.said = sum(map(room.size, self.tracks))

    def _verdict(self) -> Analysis:
        if not self.starts:
            why = f": {self.losses[0].why}" if self.losses else ""
            raise Unfit(Fault.DEFECT, f"no picture of this video could be decoded{why}")
        first = self.starts[0]
        last = self.end.until if self.end else self.last
        complete = self._complete(last - first)
        self._say_what_was_left_out()
        tracks = tuple(sorted(self._thinned(), key=lambda track: track.ordinal))
        return Analysis(
            kind="video",
            width=self.size[0],
            height=self.size[1],
            duration_ms=milliseconds(last - first),
            pictures_decoded=self.end.decoded if self.end else self.looked_at,
            pictures_sampled=self.looked_at,
            gaps=len(self.losses),
            complete=complete,
            shots=self._shots(last),
            tracks=tracks,
            note="; ".join(self.notes),
            cast=cast.links(tracks, self.engine, self.choices),
            unfollowed=max(0, self.crowd - self.choices.most_faces),
        )

    def _thinned(self) -> list[Track]:
        found = room.thinned(self.tracks, room.POSITIONS)
        if found != self.tracks:
            self.notes.append("very many faces: of where each was only a part is kept")
        return found

    def _complete(self, seen: Fraction) -> bool:
        stated = self.video.stated
        clock = list(dict.fromkeys(lost.why for lost in self.losses if lost.clock))
        self.notes += [f"{why}: times of what follows are those of its new count" for why in clock]
        undecoded = [lost for lost in self.losses if not lost.clock]
        missing = sum((lost.seconds for lost in undecoded), Fraction(0))
        if undecoded:
            self.notes.append(_undecoded(undecoded, missing))
        if stated is None:
            self.notes.append("the file does not state how long it lasts")
        short = stated is not None and stated - seen > COMPLETE_WITHIN
        if self.end is None:
            self.notes.append(f"left at {float(seen):.1f} s: {self.left}")
        elif self.end.broke_off:
            self.notes.append(f"left at {float(seen):.1f} s: {self.end.broke_off}")
        elif short and stated is not None:
            self.notes.append(f"ends at {float(seen):.1f} s of {float(stated):.1f} s stated")
        whole = self.end is not None and not self.end.broke_off
        return whole and not short and missing <= COMPLETE_WITHIN and not clock and not self.video.others

    def _say_what_was_left_out(self) -> None:
        if self.crop_bytes >= room.CROP_BYTES:
            self.notes.append("very many faces: not all keep more than one picture")
        if self.crowd > self.choices.most_faces:
            most = f"the surest {self.choices.most_faces} were followed (LASTSEEN_ANALYSIS__MOST_FACES)"
            self.notes.append(f"a crowd: of {self.crowd} faces on one picture {most}")
        if self.video.others:
            others = f"{self.video.others} more {'was' if self.video.others == 1 else 'were'} not"
            self.notes.append(f"only its largest video stream was looked at, {others}")

    def _shots(self, last: Fraction) -> tuple[Shot, ...]:
        jumped = any(lost.clock for lost in self.losses)
        ends = [*self.ends, self.last if jumped else last]
        return tuple(
            Shot(number, milliseconds(start), milliseconds(end))
            for number, (start, end) in enumerate(zip(self.starts, ends, strict=True))
        )


def _undecoded(lost: Sequence[Lost], missing: Fraction) -> str:
    """How much would not decode, and where the longest stretch of it is."""
    many = f"{len(lost)} stretch{'' if len(lost) == 1 else 'es'} would not decode"
    longest = max(lost, key=lambda one: one.seconds)
    if longest.since is None or longest.until is None:
        return many
    where = f"from {float(longest.since):.1f} to {float(longest.until):.1f} s"
    return f"{many}, {float(missing):.1f} s are missing, {'' if len(lost) == 1 else 'the longest '}{where}"


def cropper(
    picture: Picture, found: Sequence[Face], elsewhere: Sequence[Box] = (), side: int = CROP_SIDE
) -> Callable[[Glimpse], Cropped]:
    """Cuts out a face of this picture, the others hidden: of a crowd's only those that reach into the crop.

    `found`: all that were found on it, those that are not followed, too; `elsewhere`: where faces were last of which
    nobody looked whether they are still there.
    """
    unseen = [box for box in elsewhere if all(overlap(box, face.box) == 0 for face in found)]
    places = [*(face.box for face in found), *unseen]
    hidden = edges([scaled(box, HIDDEN_TIMES) for box in places])

    def crop(one: Glimpse) -> Cropped:
        near = [places[number] for number in meeting(hidden, scaled(one.face.box, CROP_TIMES))]
        others = [box for box in near if box is not one.face.box]
        return cropped(picture.pixels, one.face.box, one.face.eyes, others, side)

    return crop
