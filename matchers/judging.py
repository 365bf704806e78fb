"""What a search found, held against a calibration: who becomes a candidate, and who is only watched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lastseen.records import Band, Calibration, Found, Judged, Match
from matchers.calibration import band_of, expected_false


def overridden(calibration: Calibration, threshold: float | None) -> Calibration:
    """The same with an office's own threshold for every quality; what chance does is not changed by that."""
    if threshold is None:
        return calibration
    bands = (replace(band, threshold=threshold, watch=max(threshold, band.watch)) for band in calibration.bands)
    return replace(calibration, bands=tuple(bands))


def judge(found: Mapping[int, Sequence[Match]], quality: Mapping[int, float], calibration: Calibration) -> Judged:
    """Divide the people near each track by the band of the track's quality.

    A track without a quality has no templates any more, and nothing is said of it.
    """
    bands = {track: band_of(calibration, quality[track]) for track in found if track in quality}
    return Judged(
        {track: _within(found[track], band) for track, band in bands.items()},
        {track: _watched(found[track], band) for track, band in bands.items()},
        calibration.id,
    )


def _within(matches: Sequence[Match], band: Band) -> tuple[Found, ...]:
    return tuple(
        Found(match, expected_false(band, match.distance)) for match in matches if match.distance <= band.threshold
    )


def _watched(matches: Sequence[Match], band: Band) -> tuple[Match, ...]:
    return tuple(match for match in matches if band.threshold < match.distance <= band.watch)
