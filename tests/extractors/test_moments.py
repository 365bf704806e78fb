"""What people see: crops, stills and clips, with every other face beyond recognition."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from extractors.crops import face_crop, hide, jpeg
from extractors.faces import Engine
from extractors.limits import Limits
from extractors.moments import cut_moment, hidden_at, place_at
from extractors.shown import shown
from lastseen.records import Box, FaceSeen, Moment, MomentWanted, Pixels
from tests.extractors.films import ANNA, BOHDAN, FPS, film, ground, plain_film, png, scene, transport_stream

ANNA_AT = Box(60, 60, 100, 100)
BOHDAN_AT = Box(300, 60, 100, 100)


def both() -> Pixels:
    """Two heads."""
    return scene({ANNA: (50, 50, 120), BOHDAN: (290, 50, 120)})


def faces_of(*boxes: tuple[int, Box]) -> tuple[FaceSeen, ...]:
    """Glimpses at milliseconds."""
    return tuple(FaceSeen(at, box, 1.0) for at, box in boxes)


def pixels_of(picture: bytes) -> Pixels:
    """A decoded picture."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def roughness(pixels: Pixels, box: Box) -> float:
    """How much neighbouring pixels differ inside a box."""
    left, top = int(box.x), int(box.y)
    part = pixels[top : top + int(box.height), left : left + int(box.width)].astype(float)
    return float(np.abs(np.diff(part, axis=1)).mean())


def steepest(pixels: Pixels, box: Box) -> float:
    """The hardest edge inside a box."""
    left, top = int(box.x), int(box.y)
    part = pixels[top : top + int(box.height), left : left + int(box.width)].astype(float)
    return float(np.abs(np.diff(part, axis=1)).max())


def test_other_faces_are_hidden_and_the_one_is_untouched() -> None:
    before = both()
    after = hide(before, [BOHDAN_AT], keep=ANNA_AT)
    assert roughness(after, BOHDAN_AT) < roughness(before, BOHDAN_AT) / 2
    assert np.array_equal(after[60:160, 60:160], before[60:160, 60:160])
    assert np.array_equal(before, both()), "the picture itself is left as it was"


def test_nobody_is_found_in_a_hidden_patch(engine: Engine) -> None:
    assert len(engine.detect([both()])[0]) == 2
    assert len(engine.detect([hide(both(), [ANNA_AT, BOHDAN_AT])])[0]) == 0


def test_a_face_under_another_one_s_patch_stays_visible() -> None:
    near = Box(ANNA_AT.x + 70, ANNA_AT.y, 100, 100)
    after = hide(both(), [near], keep=ANNA_AT)
    assert np.array_equal(after[60:160, 60:160], both()[60:160, 60:160])


def test_boxes_over_the_edge_and_outside() -> None:
    for box in (Box(-50, -50, 90, 90), Box(470, 260, 90, 90), Box(900, 900, 10, 10)):
        assert hide(both(), [box]).shape == both().shape
    assert pixels_of(face_crop(both(), Box(-20, -20, 90, 90))).shape[2] == 3


def test_a_large_picture_is_shrunk_as_a_whole_in_its_own_colours() -> None:
    orange = np.full((600, 900, 3), (230, 120, 30), np.uint8)
    shrunk = pixels_of(jpeg(orange, 300))
    assert shrunk.shape == (200, 300, 3)
    assert np.abs(shrunk.astype(int) - orange[:200, :300]).max() <= 3
    assert pixels_of(jpeg(orange, 900)).shape == orange.shape


def test_a_crop_is_small_and_shows_the_surroundings() -> None:
    crop = pixels_of(face_crop(both(), Box(60, 60, 100, 100)))
    assert crop.shape == (220, 220, 3)


@pytest.mark.parametrize(
    ("at_ms", "x"), [(400, None), (600, 0.0), (1000, 0.0), (1250, 50.0), (1500, 100.0), (1900, 100.0), (2100, None)]
)
def test_a_tracked_face_between_its_glimpses_and_a_little_beyond(at_ms: int, x: float | None) -> None:
    faces = faces_of((1000, Box(0, 0, 10, 10)), (1500, Box(100, 0, 10, 10)))
    place = place_at(faces, at_ms)
    assert (None if place is None else place.x) == x


@pytest.mark.parametrize(("at_ms", "kept"), [(999, False), (1000, True), (1500, True), (1501, False)])
def test_who_comes_to_where_the_wanted_face_was_is_hidden(at_ms: int, kept: bool) -> None:
    """Anna is seen from 1000 to 1500 ms; before and after, by a cut, somebody else is in her place."""
    wanted = MomentWanted(
        1000,
        faces_of((1000, ANNA_AT), (1500, ANNA_AT)),
        (faces_of((500, ANNA_AT), (999, ANNA_AT)), faces_of((1501, ANNA_AT), (3000, ANNA_AT))),
    )
    shown = hidden_at(wanted, at_ms, both())[60:160, 60:160]
    assert np.array_equal(shown, both()[60:160, 60:160]) is kept


def test_a_clip_of_the_seconds_around(tmp_path: Path, limits: Limits) -> None:
    path = film(tmp_path / "a.mp4", [both()] * (6 * FPS))
    wanted = MomentWanted(3000, faces_of((0, ANNA_AT), (6000, ANNA_AT)), (faces_of((0, BOHDAN_AT), (6000, BOHDAN_AT)),))
    moment = cut_moment(path, wanted, limits, tmp_path)
    assert isinstance(moment, Moment)
    assert 1000 <= moment.start_ms <= 1000 + 1000 // FPS
    assert 5000 - 1000 // FPS <= moment.end_ms <= 5000
    assert moment.clip.index(b"moov") < moment.clip.index(b"mdat"), "it can play before it has all come"
    with av.open(io.BytesIO(moment.clip), mode="r") as clip:
        stream = clip.streams.video[0]
        assert stream.codec_context.codec.canonical_name == "h264"
        assert (stream.width, stream.height, stream.pix_fmt) == (480, 270, "yuv420p")
        assert not clip.streams.audio
        pictures = [shown(frame) for frame in clip.decode(stream)]
    assert len(pictures) >= 4 * FPS - 2
    for picture in (pictures[0], pictures[-1], pixels_of(moment.still)):
        assert roughness(picture, BOHDAN_AT) < roughness(both(), BOHDAN_AT) / 2
        assert roughness(picture, ANNA_AT) > roughness(both(), ANNA_AT) * 0.7


def test_each_picture_of_a_clip_is_where_it_is_said_to_be_and_the_one_before_is_near(
    tmp_path: Path, limits: Limits
) -> None:
    """Stepping back decodes from the key frame before: that is never far.  The film has no even pace."""
    path = film(tmp_path / "a.mp4", [both()] * (3 * FPS))
    uneven = tmp_path / "b.mkv"
    with av.open(str(path), mode="r") as source, av.open(str(uneven), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.pts is not None):
            packet.stream = stream
            packet.pts = packet.dts = round((number + (number % 7) * 0.11) / FPS / (packet.time_base or 1))
            out.mux(packet)
    moment = cut_moment(uneven, MomentWanted(1000, (), ()), limits, tmp_path)
    assert isinstance(moment, Moment)
    with av.open(io.BytesIO(moment.clip), mode="r") as clip:
        packets = [packet for packet in clip.demux(video=0) if packet.pts is not None]
        times = [round(float((packet.pts or 0) * (packet.time_base or 0)) * 1000) for packet in packets]
    assert times == list(moment.frames)
    assert len(set(np.diff(times).tolist())) > 2, "it has no even pace"
    assert moment.frames[0] == 0
    assert moment.end_ms - moment.start_ms == moment.frames[-1]
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert max(np.diff([*keys, len(packets)]).tolist()) <= 6
    assert [packet.dts for packet in packets] == [packet.pts for packet in packets]


def crowded(people: int = 18) -> tuple[Pixels, list[Box]]:
    """Three rows of heads; where their faces are."""
    places = [(20 + 150 * (number % 6), 10 + 170 * (number // 6), 140) for number in range(people)]
    picture = np.zeros((530, 930, 3), np.uint8)
    for number, place in enumerate(places):
        drawn = scene({(ANNA, BOHDAN)[number % 2]: place}, size=(930, 530))
        left, top, side = place
        picture[top : top + side, left : left + side] = drawn[top : top + side, left : left + side]
    return picture, [Box(left + 20, top + 15, 100, 115) for left, top, _ in places]


@pytest.mark.parametrize("number", [0, 8])
def test_of_eighteen_faces_in_a_frame_one_is_to_be_seen(
    tmp_path: Path, limits: Limits, engine: Engine, number: int
) -> None:
    picture, boxes = crowded()
    assert len(engine.detect([picture])[0]) == 18
    path = film(tmp_path / "a.mp4", [picture] * FPS)
    lines = [faces_of((0, box), (900, box)) for box in boxes]
    wanted = MomentWanted(500, lines[number], tuple(line for line in lines if line is not lines[number]))
    moment = cut_moment(path, wanted, limits, tmp_path)
    assert isinstance(moment, Moment)
    with av.open(io.BytesIO(moment.clip), mode="r") as clip:
        frames = [shown(frame) for frame in clip.decode(video=0)]
    for seen in (frames[0], frames[-1], pixels_of(moment.still)):
        (face,) = engine.detect([seen])[0]
        assert abs(face.box.x + face.box.width / 2 - boxes[number].x - 50) < 15
        assert abs(face.box.y + face.box.height / 2 - boxes[number].y - 57) < 20


def test_where_not_everybody_was_followed_nothing_but_the_one_is_to_be_seen(
    tmp_path: Path, limits: Limits, engine: Engine
) -> None:
    """The software stops counting in a great crowd: nobody knows where those faces are."""
    picture, boxes = crowded()
    (tmp_path / "a.png").write_bytes(png(picture))
    for faces, left in ((faces_of((0, boxes[8])), 1), ((), 0)):
        moment = cut_moment(tmp_path / "a.png", MomentWanted(0, faces, (), crowd=True), limits, tmp_path)
        assert isinstance(moment, Moment)
        assert len(engine.detect([pixels_of(moment.still)])[0]) == left


def test_a_wide_video_is_shrunk_with_its_boxes(tmp_path: Path, limits: Limits) -> None:
    wide = scene({ANNA: (50, 50, 360), BOHDAN: (1050, 50, 360)}, size=(1920, 810))
    there = Box(1065, 65, 330, 330)
    path = film(tmp_path / "a.mp4", [wide] * FPS)
    moment = cut_moment(path, MomentWanted(0, (), (faces_of((0, there), (900, there)),)), limits, tmp_path)
    assert isinstance(moment, Moment)
    with av.open(io.BytesIO(moment.clip), mode="r") as clip:
        picture = shown(next(clip.decode(video=0)))
    assert picture.shape == (404, 960, 3)
    assert roughness(picture, Box(533, 33, 165, 165)) < 2
    assert roughness(picture, Box(30, 30, 165, 165)) > 2


def test_a_picture_gives_a_still_only(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "a.png").write_bytes(png(both()))
    wanted = MomentWanted(0, faces_of((0, ANNA_AT)), (faces_of((0, BOHDAN_AT)),))
    moment = cut_moment(tmp_path / "a.png", wanted, limits, tmp_path)
    assert isinstance(moment, Moment)
    assert moment.clip == b""
    assert roughness(pixels_of(moment.still), BOHDAN_AT) < roughness(both(), BOHDAN_AT) / 2


def test_a_moment_beyond_the_end_is_a_defect(tmp_path: Path, limits: Limits) -> None:
    moment = cut_moment(plain_film(tmp_path / "a.mp4", 1), MomentWanted(60_000, (), ()), limits, tmp_path)
    assert not isinstance(moment, Moment)
    assert "60000 ms" in moment.why


def test_the_ground_is_plain() -> None:
    """The measure of the tests above can go to nothing."""
    assert roughness(ground(), ANNA_AT) == 0


def test_a_crop_hides_a_neighbour_though_it_cuts_through_him() -> None:
    """The cells of a patch at the edge are as coarse as they are elsewhere."""
    near = scene({ANNA: (50, 50, 120), BOHDAN: (170, 50, 120)})
    crop = pixels_of(face_crop(near, ANNA_AT, [Box(180, 60, 100, 100)]))
    whole = hide(near, [Box(180, 60, 100, 100)], keep=ANNA_AT)
    assert crop.shape == (220, 220, 3), "from 0, 0: no more of the picture than that"
    edge = Box(170, 60, 45, 100)
    assert steepest(crop, edge) < steepest(near, edge) / 3
    assert steepest(crop, edge) < steepest(whole, edge) * 1.5


def test_a_clip_ends_where_the_clock_runs_backwards(tmp_path: Path, limits: Limits) -> None:
    """Two recordings in one file: the second, with times that the first had, shows other people in these places."""
    one, two = (transport_stream(tmp_path / f"{seconds}.ts", seconds * FPS) for seconds in (2, 4))
    path = tmp_path / "a.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    with av.open(str(one), mode="r") as container:
        times = [float(frame.time or 0) * 1000 for frame in container.decode(video=0)]
    moment = cut_moment(path, MomentWanted(round(times[0]) + 1000, (), ()), limits, tmp_path)
    assert isinstance(moment, Moment)
    assert moment.end_ms <= round(times[-1])
