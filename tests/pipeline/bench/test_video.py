"""What is told of a clip, and the loop that it is held against."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lastseen.records import Analysis
from pipeline.bench import peer, video
from pipeline.bench.children import child
from pipeline.bench.ours import EngineFacts
from pipeline.bench.timing import Spread
from tests.extractors.films import ANNA, BOHDAN, film, png, scene

NOTHING = Analysis("video", 640, 360, 9000, 225, 18, 0, True, (), ())


def measured(nearest: Mapping[str, float], theirs: Mapping[str, float]) -> video.Report:
    """Two rounds of one engine and of the peer; boxed; with a long film."""
    run = video.EngineRun(
        name="dlib",
        facts=EngineFacts("dlib/1/00000000", 0.5),
        seconds=(1.0, 2.0),
        decoding=(0.5, 0.5),
        analysis=NOTHING,
        nearest=nearest,
        peak_mib=300.4,
        long=(video.LongRun(10, 60.0, 400.0),),
        boxed=video.Boxed(1.5, Spread.of([6.3]), Spread.of([1.04, 1.05, 1.06])),
    )
    hits = {name: (nearest, 0.42, 0.44, 0.5) for name, nearest in theirs.items() if nearest <= peer.TOLERANCE}
    peers = video.PeerRun((30.0, 50.0), peer.Watched(225, 100, theirs, hits), 250.0)
    return video.Report(9.0, 2, 225, Spread.of([0.5]), (run,), peers)


def test_the_first_engines_figures_stand_on_top() -> None:
    said = measured({"a": 0.3, "b": 0.7}, {"a": 0.35, "b": 0.9}).fields()
    expected = {"ratio": 27.5, "over_decode": 3.0, "x_real_time": 6.0, "people_found": 1, "peer_people_found": 1}
    assert {name: said[name] for name in expected} == expected
    assert said["peak_mib"] == 300
    assert (said["same_people"], said["no_larger_distance"]) == (True, True)
    assert said["long"] == [{"minutes": 10, "seconds": 60.0, "x_real_time": 10.0, "peak_mib": 400}]
    assert said["sandbox_cost"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("ours", "same", "no_larger", "nearer_than"),
    [
        ({"a": 0.35, "b": 0.9}, True, True, 1.0),
        ({"a": 0.4, "b": 0.9}, True, False, 0.75),
        ({"a": 0.6, "b": 0.2}, False, False, 0.0),
        ({}, False, False, 0.0),
    ],
)
def test_a_person_lost_or_further_away_shows(
    ours: Mapping[str, float], same: bool, no_larger: bool, nearer_than: float
) -> None:
    said = measured(ours, {"a": 0.35, "b": 0.55}).fields()
    assert (said["same_people"], said["no_larger_distance"]) == (same, no_larger)
    assert said["nearer_than_share"] == {"a": nearer_than}


def test_people_read_who_was_found_and_how_far() -> None:
    report = measured({"a": 0.3, "b": 0.7}, {"a": 0.35, "b": 0.9})
    ours, theirs, decoding = report.rows()
    assert len(ours) == len(theirs) == len(decoding) == len(video.COLUMNS)
    assert (ours[0], ours[5], ours[6]) == ("dlib", "a 0.300", "300 MiB")
    assert (theirs[0], theirs[5]) == ("face_recognition", "a 0.350")
    assert [row[2] for row in report.more_rows()] == [
        "its distance is no larger than 100.0% of those of the peer's pictures",
        "60.0 s, 10.0 times real time, at most 400 MiB",
        "5.0 % (4.0 - 6.0) more; 1.5 s once to start",
    ]


def test_the_peers_loop_sees_every_frame_and_compares_with_the_register(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", [scene({ANNA: (60, 60, 140)})] * 3)
    photos = {}
    for name, head in {"anna": ANNA, "bohdan": BOHDAN}.items():
        photos[name] = [tmp_path / f"{name}.png"]
        photos[name][0].write_bytes(png(scene({head: (60, 20, 220)})))
    with child(threads=1) as them:
        known = them.ask(peer.register, photos)
        watched = them.ask(peer.watch, clip, known)
    assert (watched.frames, watched.faces) == (3, 3)
    assert watched.nearest["anna"] < min(watched.nearest["bohdan"], peer.TOLERANCE)
    assert (len(watched.hits["anna"]), min(watched.hits["anna"])) == (3, watched.nearest["anna"])
