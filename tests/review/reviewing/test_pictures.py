"""The pictures of a review: under its token, for as long as it lasts, and silent about what they are of."""

import io
import re
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import insert, text, update

from storage import reviews, tables
from tests.review.conftest import Site, texts
from tests.review.reviewing.test_reviews import Person, on_pair, pair, person
from tests.review.seeding import CLIP, Seeded, Story, jpeg, put, seed

EYES = [[31.5, 40.0], [64.0, 41.5]]
LONGEST = 15 * 60
QUIET = {"content-length", "date", "server", "x-request-id"}
"""headers that differ between any two answers, or say nothing of what is answered"""


@pytest.fixture
def ada(site: Site) -> Person:
    return person(site, "ada.analyst")


def more_photos(site: Site, seeded: Seeded, count: int) -> None:
    """Further accepted photos of the entry, one that was refused, and one of somebody else."""
    with site.stores.db.begin() as db:
        for number in range(count + 1):
            row = {"person_id": seeded.person, "file_name": "x", "sha256": f"{number:064}", "size": 1}
            key = put(site.stores, f"crop/photo/more-{number}.jpg", jpeg(size=(80 + number, 90)))
            made = db.execute(
                insert(tables.reference_photos)
                .values(**row, media_type="image/jpeg", object_key="k", crop_key=key)
                .returning(tables.reference_photos.c.id)
            ).scalar_one()
            if number < count:
                template = {"photo_id": made, "kind": "photo", "engine": "dlib", "quality": 1.0, "sealed": b"s"}
                db.execute(insert(tables.templates).values(template))
    seed(site.stores, Story(number="HC-9", names=("Somebody Else",), state="withdrawn"))


def strangers(site: Site, seeded: Seeded) -> int:
    """A known pair: the newest photo, which is of somebody else, and the seeded person."""
    made = pair(site, seeded)
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE known_pairs SET probe_photo_id = (SELECT max(id) FROM reference_photos)"))
    return made


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:src|poster)="(/reviews/[^"]+)"', page)


def test_a_browser_keeps_pictures_as_long_as_the_review_lasts_and_clips_never(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    ada.describes()
    for name in ("shot/1.jpg", "photo/1.jpg", "still.jpg"):
        answer = ada.browser.get(f"{ada.at}/{name}")
        kept = re.fullmatch(r"private, max-age=(\d+), immutable", answer.headers["cache-control"])
        assert kept, name
        assert LONGEST - 60 <= int(kept[1]) <= LONGEST
        assert answer.headers["vary"] == "Cookie"
    clip = ada.browser.get(f"{ada.at}/clip.mp4", headers={"Range": "bytes=100-299"})
    assert (clip.status_code, clip.content) == (206, CLIP[100:300])
    assert clip.headers["cache-control"] == "private, no-store"


def test_a_review_that_ended_shows_nothing(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE reviews SET ends_at = now() - interval '1 second'"))
    for name in ("shot/1.jpg", "still.jpg", "clip.mp4"):
        assert ada.browser.get(f"{ada.at}/{name}").status_code == 404


@pytest.mark.parametrize("number", ["0", "4", "99999999999999999999"])
def test_there_are_as_many_as_there_are(site: Site, ada: Person, number: str) -> None:
    seed(site.stores)
    ada.takes_next()
    assert [ada.browser.get(f"{ada.at}/shot/{n}.jpg").status_code for n in (1, 2, 3)] == [200] * 3
    assert ada.browser.get(f"{ada.at}/shot/{number}.jpg").status_code == 404


def test_all_accepted_photos_of_the_entry_are_shown_the_one_that_was_found_first(site: Site, ada: Person) -> None:
    seeded = seed(site.stores, Story(reference=jpeg(size=(64, 64))))
    more_photos(site, seeded, 3)
    ada.takes_next()
    ada.describes()
    sizes = [Image.open(io.BytesIO(ada.browser.get(f"{ada.at}/photo/{n}.jpg").content)).size for n in range(1, 5)]
    assert sizes == [(64, 64), (80, 90), (81, 90), (82, 90)]
    assert ada.browser.get(f"{ada.at}/photo/5.jpg").status_code == 404


def test_the_page_says_where_the_eyes_are_and_when_each_picture_of_the_clip_is_shown(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        db.execute(update(tables.best_shots).where(tables.best_shots.c.id == seeded.shots[0]).values(eyes=EYES))
        db.execute(update(tables.reference_photos).values(eyes=EYES))
        db.execute(update(tables.candidates).values(clip_frames=[0, 40, 95]))
    ada.takes_next()
    assert ada.sees().count('data-eyes="[[31.5, 40.0], [64.0, 41.5]]"') == 1
    assert 'data-frames="0 40 95"' in ada.sees()
    ada.describes()
    assert ada.sees().count('data-eyes="[[31.5, 40.0], [64.0, 41.5]]"') == 2


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_known_pair_has_the_shape_of_a_candidate(site: Site, ada: Person, kind: str) -> None:
    """The same addresses and page, and the same headers but for lengths: nobody can tell from outside which it is."""
    film = kind == "video"
    seeded = seed(site.stores, Story(kind=kind) if film else Story(kind=kind, moments=(0,), clip=None))
    with site.stores.db.begin() as db:
        db.execute(update(tables.candidates).values(clip_frames=[0, 40] if film else None))
    more_photos(site, seeded, 1)
    ada.takes_next()
    shapes: list[tuple[object, ...]] = []
    for turn in ("candidate", "known pair"):
        if turn == "known pair":
            with site.stores.db.begin() as db:
                db.execute(text("UPDATE reviews SET ended_at = now(), ending = 'returned'"))
            on_pair(ada, strangers(site, seeded), as_film=film)
        first = outline(ada)
        ada.describes()
        second = outline(ada)
        names = ["/shot/1.jpg", "/shot/3.jpg", "/still.jpg", "/photo/1.jpg", "/clip.mp4"]
        answers = [ada.browser.get(ada.at + name) for name in names]
        answers += [ada.browser.get(ada.at + "/clip.mp4", headers={"Range": f"bytes={span}"}) for span in SPANS]
        headers = [{name: told for name, told in answer.headers.items() if name not in QUIET} for answer in answers]
        for told in headers:
            told["cache-control"] = re.sub(r"\d+", "N", told["cache-control"])
        played = [action for actor, action, _ in texts(site.log()) if actor == "ada.analyst"].count("played")
        shapes.append(([answer.status_code for answer in answers], headers, played * (1 + (not shapes)), first, second))
    assert shapes[0][:3] == shapes[1][:3]
    for one, other in zip(shapes[0][3:], shapes[1][3:], strict=True):
        assert str(one).splitlines() == str(other).splitlines()
    assert shapes[0][0] == ([200] * 5 + [206, 206, 416] if film else [200, 404, 200, 200] + [404] * 4)


SPANS = ("0-", "100-299", "99999-")
"""of a clip, as browsers ask for it; the last lies beyond its end"""


def outline(who: Person) -> str:
    """The page without what differs between any two reviews: its token, times and the token of its forms."""
    page = who.sees().replace(who.at.removeprefix("/reviews/"), "TOKEN")
    page = re.sub(r'(name="token" value=")[^"]+', r"\1FORM", page)
    return re.sub(r"\d+:\d\d(:\d\d)?(\.\d+)?|\d{4}-\d\d-\d\dT[^\"]+", "TIME", page)


def test_no_address_or_header_of_a_picture_tells_what_it_is_of(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        told = db.execute(
            text("""
                SELECT crop_key, still_key, clip_key, blobs.sha256, register_number, names[1]
                  FROM candidates JOIN persons ON persons.id = person_id JOIN tracks ON tracks.id = track_id
                  JOIN analyses ON analyses.id = analysis_id JOIN blobs ON blobs.id = blob_id
                  JOIN best_shots ON best_shots.track_id = tracks.id LIMIT 1""")
        ).one()
    ada.takes_next()
    ada.describes()
    names = ["/shot/1.jpg", "/photo/1.jpg", "/still.jpg", "/clip.mp4"]
    for name in names:
        answer = ada.browser.get(ada.at + name)
        assert answer.status_code == 200
        assert not {"etag", "last-modified", "content-disposition", "content-location"} & answer.headers.keys()
        said = f"{ada.at}{name} {dict(answer.headers)}"
        assert [word for word in (*told, "videos.example") if str(word) in said] == []
    assert f"{seeded.candidate}/" not in ada.at


def test_a_look_is_one_event_a_review_and_a_play_one_each(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    ada.takes_next()
    for _ in range(2):
        ada.sees()
        for name in ("shot/1.jpg", "shot/2.jpg", "still.jpg"):
            ada.browser.get(f"{ada.at}/{name}")
        ada.browser.get(f"{ada.at}/clip.mp4", headers={"Range": "bytes=0-"})
    actions = [(action, about) for actor, action, about in texts(site.log()) if actor == "ada.analyst"]
    subject = f"candidate:{seeded.candidate}"
    assert actions == [("took up", subject), ("played", subject), ("played", subject)]


def test_the_pictures_of_another_persons_review_are_not_there(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    ben = person(site, "ben.analyst")
    for name in ("shot/1.jpg", "still.jpg", "clip.mp4"):
        assert ben.browser.get(f"{ada.at}/{name}").status_code == 404


def test_lasting_longer_is_kept_longer(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        begun = reviews.begin(db, ada.user, seeded.candidate, timedelta(minutes=1))
    assert begun is not None
    answer = ada.browser.get(f"/reviews/{begun.token}/shot/1.jpg")
    assert re.fullmatch(r"private, max-age=(5\d|60), immutable", answer.headers["cache-control"])
