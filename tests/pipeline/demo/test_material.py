"""The demo's material is what it says it is: held against dlib's own networks, PyAV and a genuine yt-dlp."""

import csv
import http.client
import itertools
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import av
import dlib
import numpy as np
import pytest
import yt_dlp
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from yt_dlp.networking.exceptions import HTTPError

from lastseen.records import PersonStatus, Pixels
from pipeline.demo import clip, register, site
from pipeline.demo.clip import ClipFacts
from pipeline.demo.pictures import MaterialMissing, Scenery, Sitter, portrait, scenery
from pipeline.demo.register import Fate, PhotoFacts, RegisterFacts

SAME_AT_BEST = 0.40
"""the wanted person's best pictures come as near as this to each register photo of hers"""
SAME = 0.5
"""and all of them come nearer than this"""
DIFFERENT = 0.6
"""face_recognition's customary limit: nobody else may come within it"""


@dataclass(frozen=True)
class Found:
    """One face in a picture."""

    width: int
    vector: NDArray[np.float64]


@dataclass(frozen=True)
class Looked:
    """One picture of the clip and the faces in it."""

    at_ms: int
    faces: tuple[Found, ...]


class Dlib:
    """dlib's HOG detector, 5-point predictor and embedder, as face_recognition uses them."""

    def __init__(self) -> None:
        spec = find_spec("face_recognition_models")
        assert spec
        assert spec.submodule_search_locations
        models = Path(spec.submodule_search_locations[0], "models")
        self._detect = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._embed = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def faces(self, picture: Pixels) -> tuple[Found, ...]:
        return tuple(
            Found(box.width(), np.array(self._embed.compute_face_descriptor(picture, self._landmarks(picture, box))))
            for box in self._detect(picture, 1)
        )


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(one - other))


def pixels(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def decoded(path: Path) -> Iterator[tuple[int, Pixels]]:
    """Every picture of a video with its time in ms."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            yield int(frame.pts * frame.time_base * 1000), np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> ClipFacts:
    return clip.compose(tmp_path_factory.mktemp("clip") / site.CLIP)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> RegisterFacts:
    return register.write(tmp_path_factory.mktemp("demo") / "register")


@pytest.fixture(scope="module")
def engine() -> Dlib:
    return Dlib()


@pytest.fixture(scope="module")
def looked(composed: ClipFacts, engine: Dlib) -> tuple[Looked, ...]:
    """One picture a second, and the first after each cut, through the engine."""
    due = iter(sorted({*range(0, composed.duration_ms, 1000), *composed.cuts_ms}))
    next_ms, seen = next(due), []
    for at_ms, picture in decoded(composed.path):
        if next_ms is not None and at_ms >= next_ms:
            seen.append(Looked(at_ms, engine.faces(picture)))
            next_ms = next(due, None)
    return tuple(seen)


@pytest.fixture(scope="module")
def photos(written: RegisterFacts, engine: Dlib) -> dict[PhotoFacts, tuple[Found, ...]]:
    """The faces in every readable photo of the register."""
    every = itertools.chain.from_iterable(entry.photos for entry in written.entries)
    return {photo: engine.faces(pixels(photo.path)) for photo in every if photo.fate is not Fate.UNREADABLE}


# --- the clip ----------------------------------------------------------------------------------------------


def test_the_clip_is_the_same_each_time(composed: ClipFacts, tmp_path: Path) -> None:
    again = clip.compose(tmp_path / "again.mp4")
    assert again.path.read_bytes() == composed.path.read_bytes()
    assert (again.duration_ms, again.cuts_ms, again.appearances) == (
        composed.duration_ms,
        composed.cuts_ms,
        composed.appearances,
    )


def test_the_clip_decodes_to_what_was_stated(composed: ClipFacts) -> None:
    with av.open(str(composed.path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height, stream.average_rate) == (clip.WIDTH, clip.HEIGHT, Fraction(25))
        assert not container.streams.audio
    times = [at_ms for at_ms, _ in decoded(composed.path)]
    assert times == list(range(0, composed.duration_ms, 40))
    assert 12_000 <= composed.duration_ms <= 16_000


def test_the_clip_cuts_where_it_was_stated_and_nowhere_else(composed: ClipFacts) -> None:
    changes = {}
    for (_, before), (at_ms, after) in itertools.pairwise(decoded(composed.path)):
        changes[at_ms] = float(np.abs(after[::4, ::4].astype(np.int16) - before[::4, ::4]).mean())
    cuts = {at_ms: changes.pop(at_ms) for at_ms in composed.cuts_ms}
    assert min(cuts.values()) > 2 * max(changes.values())


def test_faces_are_found_where_people_are_and_nowhere_else(composed: ClipFacts, looked: tuple[Looked, ...]) -> None:
    assert {here.at_ms: len(here.faces) for here in looked} == {
        here.at_ms: len(composed.on_screen(here.at_ms)) for here in looked
    }
    widths = [face.width for here in looked for face in here.faces]
    assert min(widths) >= 60
    assert max(widths) <= 110


def test_each_face_is_the_person_who_was_stated(composed: ClipFacts, looked: tuple[Looked, ...], engine: Dlib) -> None:
    originals = {sitter: engine.faces(np.asarray(portrait(sitter)))[0].vector for sitter in Sitter}
    for here in looked:
        nearest = {min(Sitter, key=lambda sitter: distance(originals[sitter], face.vector)) for face in here.faces}
        assert nearest == composed.on_screen(here.at_ms)


def test_both_people_are_shown_alone_and_together(composed: ClipFacts) -> None:
    assert [len(composed.of(sitter)) for sitter in Sitter] == [2, 2]
    groups = {composed.on_screen(start) for start in (0, *composed.cuts_ms)}
    assert groups == {frozenset(), *(frozenset({sitter}) for sitter in Sitter), frozenset(Sitter)}


# --- the register ------------------------------------------------------------------------------------------


def test_the_table_says_what_was_written(written: RegisterFacts) -> None:
    with written.table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["register_number"], row["names"], row["birth_year"], PersonStatus(row["status"])) for row in rows] == [
        (e.register_number, e.name, str(e.birth_year or ""), e.status) for e in written.entries
    ]
    assert tuple(rows[0]) == register.COLUMNS
    for row, entry in zip(rows, written.entries, strict=True):
        paths = [written.table.parent / path for path in row["photos"].split("|")]
        assert paths == [photo.path for photo in entry.photos]
        assert all(path.is_file() for path in paths)


def test_the_folder_of_people_says_the_same(written: RegisterFacts) -> None:
    on_disk = {folder.name: sorted(folder.iterdir()) for folder in written.people.iterdir()}
    assert on_disk == {entry.register_number: [photo.path for photo in entry.photos] for entry in written.entries}


def test_the_register_is_the_same_each_time(written: RegisterFacts, tmp_path: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    again = register.write(tmp_path)
    assert files(again.table.parent) == files(written.table.parent)
    register.write(tmp_path)
    assert files(tmp_path) == files(written.table.parent)


def test_each_photo_holds_what_its_fate_says(photos: dict[PhotoFacts, tuple[Found, ...]]) -> None:
    faces = {Fate.ENROLLED: {1}, Fate.NO_FACE: {0}, Fate.SEVERAL_FACES: {2}}
    assert {fate: {len(found) for photo, found in photos.items() if photo.fate is fate} for fate in faces} == faces


def test_the_torn_photo_cannot_be_read(written: RegisterFacts) -> None:
    torn = [photo for entry in written.entries for photo in entry.photos if photo.fate is Fate.UNREADABLE]
    assert torn
    for photo in torn:
        with pytest.raises(UnidentifiedImageError):
            pixels(photo.path)


def test_somebody_was_found_and_the_wanted_person_was_not(written: RegisterFacts) -> None:
    status = {entry.register_number: entry.status for entry in written.entries}
    assert status[written.wanted] is PersonStatus.MISSING
    assert PersonStatus.FOUND in status.values()


def test_only_the_wanted_person_matches_the_clip(
    composed: ClipFacts,
    written: RegisterFacts,
    looked: tuple[Looked, ...],
    photos: dict[PhotoFacts, tuple[Found, ...]],
    engine: Dlib,
) -> None:
    wanted = engine.faces(np.asarray(portrait(register.WANTED)))[0].vector
    shown = [face.vector for here in looked for face in here.faces]
    hers = [vector for vector in shown if distance(vector, wanted) < SAME]
    others = [vector for vector in shown if distance(vector, wanted) >= SAME]
    assert len(hers) == sum(register.WANTED in composed.on_screen(here.at_ms) for here in looked)
    for entry in written.entries:
        for photo in (photo for photo in entry.photos if photo.fate is Fate.ENROLLED):
            reference = photos[photo][0].vector
            assert min(distance(vector, reference) for vector in others) > DIFFERENT
            if entry.register_number == written.wanted:
                assert min(distance(vector, reference) for vector in hers) < SAME_AT_BEST
                assert max(distance(vector, reference) for vector in hers) < SAME
            else:
                assert min(distance(vector, reference) for vector in hers) > DIFFERENT


def test_the_register_does_not_hold_the_clips_own_pictures(written: RegisterFacts) -> None:
    originals = [np.asarray(portrait(sitter)).tobytes() for sitter in Sitter]
    hers = next(entry for entry in written.entries if entry.register_number == written.wanted)
    made = [pixels(photo.path) for photo in hers.photos]
    assert len({picture.shape for picture in made}) == len(made)
    assert not {picture.tobytes() for picture in made} & set(originals)


# --- the site ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def media(composed: ClipFacts) -> Path:
    """The folder of both films that the site has."""
    folder = composed.path.parent
    clip.compose_mirrored(folder / site.MIRRORED)
    return folder


@pytest.fixture
def base(media: Path) -> Iterator[str]:
    with site.serving(media) as address:
        yield address


class Heard:
    """What yt-dlp has to say, kept from the terminal."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def debug(self, message: str) -> None:
        self.said.append(message)

    warning = error = debug


def downloader(**options: object) -> Any:
    return yt_dlp.YoutubeDL({"logger": Heard(), "quiet": True, "noprogress": True, "proxy": "", **options})


def test_yt_dlp_lists_the_feed_flat(base: str) -> None:
    with downloader(extract_flat="in_playlist", lazy_playlist=True) as reader:
        listing = reader.extract_info(base + site.FEED, download=False)
        entries = list(listing["entries"])
    assert listing["_type"] == "playlist"
    assert [(entry["url"], entry["title"], entry["description"], entry["timestamp"]) for entry in entries] == [
        (base + page.path, page.title, page.text, int(page.published.timestamp())) for page in site.PAGES
    ]


def test_yt_dlp_downloads_the_clip_unchanged(base: str, composed: ClipFacts, tmp_path: Path) -> None:
    with downloader(fixup="never", outtmpl=str(tmp_path / "got.%(ext)s")) as reader:
        page = reader.extract_info(base + site.GOOD.path)
    assert Path(page["requested_downloads"][0]["filepath"]).read_bytes() == composed.path.read_bytes()
    assert page["title"].startswith(site.GOOD.title)
    assert page["description"] == site.GOOD.text
    assert page["timestamp"] == site.GOOD.published.timestamp()


def test_yt_dlp_sees_that_a_page_is_gone(base: str) -> None:
    with downloader() as reader, pytest.raises(yt_dlp.DownloadError) as fault:
        reader.extract_info(base + site.GONE.path)
    root = fault.value.exc_info[1]
    assert isinstance(root, HTTPError)
    assert root.status == 404
    root.close()


def test_the_bad_file_comes_through_and_is_no_video(base: str, tmp_path: Path) -> None:
    with downloader(fixup="never", outtmpl=str(tmp_path / "got.%(ext)s")) as reader:
        page = reader.extract_info(base + site.NO_VIDEO.path)
    with pytest.raises(av.error.InvalidDataError):
        av.open(page["requested_downloads"][0]["filepath"])


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        (None, 200, slice(None)),
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-100", 206, slice(-100, None)),
        ("bytes=5-999999999", 206, slice(5, None)),
        ("bytes=0-", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("bytes=999999999-", 416, slice(0, 0)),
        ("bytes=9-3", 416, slice(0, 0)),
    ],
)
def test_the_demos_site_serves_a_part_that_is_asked_for_or_says_that_there_is_none(
    base: str, composed: ClipFacts, asked: str | None, status: int, part: slice
) -> None:
    whole = composed.path.read_bytes()
    with closing(http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)) as line:
        for method in ("HEAD", "GET"):
            line.request(method, site.GOOD.video, headers={"Range": asked} if asked else {})
            answer = line.getresponse()
            body = answer.read()
            assert answer.status == status
            assert answer.headers["Content-Length"] == str(len(whole[part]))
            assert body == (whole[part] if method == "GET" else b"")
    if status == 206:
        start = part.indices(len(whole))[0]
        assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(body) - 1}/{len(whole)}"


def test_nothing_else_of_the_folder_is_served(base: str, composed: ClipFacts) -> None:
    (composed.path.parent / "secret.txt").write_text("not for the site")
    for path in ("/secret.txt", "/media/secret.txt", "/media/../secret.txt", "/"):
        with closing(http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)) as line:
            line.request("GET", path)
            assert line.getresponse().status == 404


def test_the_site_is_quiet_and_ends_with_its_block(media: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with site.serving(media) as base:
        opener = build_opener(ProxyHandler({}))
        with opener.open(Request(base + site.GOOD.video), timeout=10) as answer:  # noqa: S310 - loopback
            answer.read(10)  # and hang up in the middle
    with pytest.raises(ConnectionRefusedError), closing(http.client.HTTPConnection(urlsplit(base).netloc)) as line:
        line.connect()
    assert capfd.readouterr() == ("", "")


def test_a_folder_without_a_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), site.serving(tmp_path):
        pass


# --- what is missing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("package", "distribution"), [("skimage", "scikit-image"), ("matplotlib", "matplotlib")])
def test_a_missing_package_is_named(package: str, distribution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MaterialMissing, match=f"{distribution} carries: install it"):
        [portrait(sitter) for sitter in Sitter] + [scenery(Scenery.BRICK)]


def test_the_pictures_are_opened_without_importing_their_packages() -> None:
    loaded = set(sys.modules)
    for sitter in Sitter:
        portrait(sitter)
    for which in Scenery:
        scenery(which)
    assert not {"skimage", "matplotlib"} & (set(sys.modules) - loaded)
