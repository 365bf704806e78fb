"""How much one verdict may hold, and what gives way when a film has more to say: nothing else bounds what it finds.

A verdict that is too long would be lost as a whole (`processes.TooMuchSaid`).  So pictures give way first, then
positions; templates, which are what is searched, never do: when those alone fill it, the film is left there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from extractors.crops import CROP_SIDE
from lastseen.records import Track

MIB: Final = 1024 * 1024
VERDICT_BYTES: Final = 256 * MIB
"""of JSON: what whoever asked reads, and holds in memory, of one file's child"""
CROP_BYTES: Final = 96 * MIB
"""of pictures; tracks found after that keep the picture of their best shot only.  No setting, like all of this file:
whoever has found more than it holds has `complete` and the note to tell, and the numbers must fit to each other"""
CROP_SIDES: Final = ((CROP_BYTES // 3, CROP_SIDE), (CROP_BYTES * 2 // 3, 640), (CROP_BYTES, 320))
"""how large pictures may be until so many bytes are taken: a film of many close-ups loses detail before it loses
pictures"""
TRACK_BYTES: Final = 160 * MIB
"""of all tracks as JSON, without their positions; then the earlier ones keep one picture, too"""
POSITIONS: Final = 400_000
"""of faces, 60 MiB: those of thirty faces in view for two hours"""

# Bytes of JSON, at most; a test holds them against real verdicts.
_TRACK, _SHOT, _POSITION, _NUMBER = 400, 560, 160, 25


def size(track: Track) -> int:
    """Bytes that a track takes in a verdict at most, without its positions."""
    pictures = sum(len(shot.crop) * 4 // 3 + _SHOT for shot in track.best_shots)
    numbers = sum(len(template.vector) for template in track.templates)
    return _TRACK + pictures + numbers * _NUMBER


def crop_side(taken: int) -> int:
    """How large the next picture may be, in pixels a side, where those before it take so many bytes."""
    return next((side for until, side in CROP_SIDES if taken < until), CROP_SIDES[-1][1])


def with_best_only(track: Track) -> Track:
    """The same track with the picture of its best shot only."""
    if len(track.best_shots) < 2:
        return track
    best = max(track.best_shots, key=lambda shot: (shot.weight, shot.quality.sharpness * shot.quality.width))
    return replace(track, best_shots=(replace(best, ordinal=0),))


def thinned(tracks: Sequence[Track], most: int) -> list[Track]:
    """With as many positions as `most` together, or little more: each n-th of a track, its first and its last."""
    step = -(-sum(len(track.faces) for track in tracks) // most)
    if step <= 1:
        return list(tracks)
    return [replace(track, faces=(*track.faces[:-1:step], *track.faces[-1:])) for track in tracks]
