"""Candidates with pictures worth looking at, and ways through their review that several tests go."""

import io
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageFilter
from playwright.sync_api import Page
from sqlalchemy import insert, select

from extractors.limits import Limits
from extractors.moments import cut_moment
from extractors.slides import write_film
from lastseen.records import Box, FilmWanted, Moment, MomentWanted
from pipeline.demo.pictures import Sitter, portrait
from storage import review_queue, reviews, tables
from storage.accounts import User
from storage.review_queue import Taken, Terms
from storage.stores import Stores
from tests.extractors.films import film
from tests.review.conftest import Site
from tests.review.seeding import Seeded, Story, put, seed

MOMENTS = tuple(range(4200, 4200 + 8 * 640, 640))
FACES = {Sitter.EILEEN_COLLINS: (150, 0, 300, 200), Sitter.GRACE_HOPPER: (110, 60, 380, 380)}
"""left, top, right, bottom of the head in the portrait"""


def crops(sitter: Sitter = Sitter.EILEEN_COLLINS, count: int = len(MOMENTS)) -> tuple[bytes, ...]:
    """The head as a film would show it: small, soft, a little different in each picture."""
    return tuple(_jpeg(_head(sitter, shift), 0.6 + 0.3 * (shift % 3)) for shift in range(count))


def candidate(stores: Stores, number: str = "HC-0001", sitter: Sitter = Sitter.EILEEN_COLLINS) -> Seeded:
    """A video's face, a photo of the same person, a still, and a clip that plays."""
    still = portrait(sitter).crop((0, 0, 512, 288)).resize((640, 360))
    return seed(
        stores,
        Story(
            number=number,
            names=("Ada Example",),
            title="<b>Полонені</b> \u202eada example",
            text="Ada Example seen here",
            moments=MOMENTS,
            crops=crops(sitter),
            reference=_jpeg(_head(sitter, 0), 0),
            still=_jpeg(still, 0),
            clip=clip(),
        ),
    )


@cache
def clip() -> bytes:
    """Two seconds in which a bright bar walks from left to right, eight pixels a frame."""
    pictures = []
    for number in range(48):
        picture = np.full((180, 400, 3), 60, np.uint8)
        picture[:, 8 * number : 8 * number + 8] = 230
        pictures.append(picture)
    with TemporaryDirectory() as folder:
        return film(Path(folder) / "clip.mp4", pictures, 25).read_bytes()


def pair_as_film(stores: Stores, user: User) -> str:
    """Have somebody take up a known pair that looks as if from a film.  Returns the address of its page.

    Needs a candidate: it is of that person's photo.
    """
    moment = slide()
    lies = {what: put(stores, f"known-pair/{what}", what_is) for what, what_is in _pieces(moment).items()}
    shots = [{"key": lies["1.jpg"], "at_ms": 83_000, "eyes": None}]
    film = {"shots": shots, "still": lies["whole.jpg"], "clip": lies["film.mp4"], "frames": moment.frames}
    with stores.db.begin() as db:
        photo = db.execute(select(tables.reference_photos)).mappings().first()
        assert photo is not None
        row = {"genuine": True, "probe_photo_id": photo["id"], "person_id": photo["person_id"], "photo_id": photo["id"]}
        made = insert(tables.known_pairs).values(**row, engine="dlib", distance=0.4, film=film)
        pair = db.execute(made.returning(tables.known_pairs.c.id)).scalar_one()
        review = reviews.begin_known(db, user, pair, timedelta(minutes=15), as_film=True)
    return f"/reviews/{review.token}"


@cache
def slide() -> Moment:
    """A film of a portrait, and the moment that is cut from it."""
    face = Box(180, 60, 160, 160)
    wanted = FilmWanted(640, 360, 25.0, 6.0, 100.0, 28, 0.1, (0.5, -0.5), 83_000)
    limits = Limits(max_megapixels=8, max_duration_seconds=60, deadline_seconds=60, memory_mib=4096)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_film(np.asarray(portrait(Sitter.EILEEN_COLLINS).convert("RGB")), face, wanted, path)
        moment = cut_moment(path, MomentWanted(3000, (), ()), limits, Path(folder))
    assert isinstance(moment, Moment)
    return moment


def _pieces(moment: Moment) -> dict[str, bytes]:
    return {"1.jpg": crops(count=1)[0], "whole.jpg": moment.still, "film.mp4": moment.clip}


def take_up(site: Site, user: User) -> str:
    """Have somebody take up the next of the queue.  Returns the address of its page."""
    with site.stores.db.begin() as db:
        taken = review_queue.take(db, user, Terms(timedelta(minutes=15)))
    assert isinstance(taken, Taken), taken
    return f"/reviews/{taken.review.token}"


def describe(page: Page, *features: str) -> None:
    """Note some features, and go on to the reference."""
    for name in features or ("Ears", "Nose"):
        page.get_by_role("checkbox", name=name, exact=True).check()
    page.get_by_role("button", name="Go on to the reference photo").click()
    arrived(page, "Compare")


def arrived(page: Page, heading: str) -> None:
    """Wait until the next step is there, and its scripts run."""
    page.get_by_role("heading", level=1, name=heading).wait_for()
    page.wait_for_load_state()


def _head(sitter: Sitter, shift: int) -> Image.Image:
    left, top, right, bottom = FACES[sitter]
    box = (left + shift, top, right + shift, bottom)
    return portrait(sitter).crop(box)


def _jpeg(picture: Image.Image, blur: float) -> bytes:
    made = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(blur)).save(made, "JPEG", quality=90)
    return made.getvalue()
