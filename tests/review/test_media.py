"""Pictures and clips: derived ones only, of what one has answered or what is decided, in pieces where a player asks."""

import pytest

from review.media import RangeNotSatisfiable, byte_range
from review.plays import LASTS_SECONDS, Plays
from review.roles import Role
from storage import judgements
from storage.objects import EVIDENCE, REGISTER
from storage.stores import Stores
from tests.review.conftest import Browser, Site, texts
from tests.review.seeding import CLIP, Story, jpeg, seed
from tests.storage import judged

WHO = (("ada", Role.ANALYST), ("ben", Role.ANALYST), ("senior", Role.SENIOR))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=0-", (0, 99)),
        ("bytes=0-0", (0, 0)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-1000", (90, 99)),
        ("bytes=-5", (95, 99)),
        ("bytes=-500", (0, 99)),
        ("Bytes = 1-2", (1, 2)),
        ("bytes=5-2", None),
        ("bytes=0-1,5-6", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=\u00b2-3", None),
        ("items=0-1", None),
    ],
)
def test_ranges_as_the_standard_has_them(header: str, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_ranges_that_hold_no_byte(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        byte_range(header, 100)


def test_pictures_are_the_derived_ones_and_kept_for_one_session(site: Site) -> None:
    reference = jpeg("#aa5533")
    seeded = seed(site.stores, Story(reference=reference))
    reader, record = site.reader(seeded.candidate), f"/candidates/{seeded.candidate}"
    answer = reader.get(f"{record}/photo/1.jpg")
    assert answer.content == reference
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=43200, immutable"
    assert answer.headers["vary"] == "Cookie"
    for path in (f"/media/crop/{seeded.shots[1]}", f"{record}/still.jpg", f"{record}/shot/3.jpg"):
        assert reader.get(path).headers["content-type"] == "image/jpeg"
    for bucket in (EVIDENCE, REGISTER):
        assert list(site.stores.objects.keys(bucket)) == []
    assert site.log() == []


def test_a_clip_comes_whole_or_in_pieces(site: Site) -> None:
    seeded = seed(site.stores)
    path, analyst = f"/candidates/{seeded.candidate}/clip.mp4", site.reader(seeded.candidate)
    whole = analyst.get(path)
    assert (whole.status_code, whole.content) == (200, CLIP)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["cache-control"] == "private, no-store"
    piece = analyst.get(path, headers={"Range": "bytes=100-299"})
    assert (piece.status_code, piece.content) == (206, CLIP[100:300])
    assert piece.headers["content-range"] == f"bytes 100-299/{len(CLIP)}"
    assert piece.headers["content-length"] == "200"
    beyond = analyst.get(path, headers={"Range": f"bytes={len(CLIP)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(CLIP)}")


def test_a_play_is_one_event_however_many_pieces(site: Site) -> None:
    seeded = seed(site.stores)
    path, subject = f"/candidates/{seeded.candidate}/clip.mp4", f"candidate:{seeded.candidate}"
    analyst = site.reader(seeded.candidate)
    for span in ("0-", "1000-1999", "2000-"):
        assert analyst.get(path, headers={"Range": f"bytes={span}"}).status_code == 206
    assert texts(site.log()) == [("ann", "played", subject)]
    analyst.get(path, headers={"Range": "bytes=0-"})
    assert len(site.log()) == 2


def test_a_clip_read_from_its_middle_is_a_play_too() -> None:
    now = [0.0]
    plays = Plays(lambda: now[0])
    assert plays.begins("a", 1, 500)
    assert not plays.begins("a", 1, 900)
    assert plays.begins("b", 1, 900)
    assert plays.begins("a", 2, 900)
    assert plays.begins("a", 1, 0)
    now[0] = LASTS_SECONDS + 1
    assert plays.begins("a", 1, 900)


def test_what_waits_is_shown_to_nobody_who_may_still_judge_it(site: Site) -> None:
    """By its number, that is: a review of it has addresses of its own.  An answer opens it, an undone one does not."""
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        ada, ben, senior = (judged.account(db, name, role) for name, role in WHO)
        given = judged.give(db, ada, seeded.candidate, 0)
    record = f"/candidates/{seeded.candidate}"
    pictures = [f"{record}/{name}" for name in ("shot/1.jpg", "photo/1.jpg", "still.jpg", "clip.mp4")]
    paths = [f"/media/crop/{seeded.shots[0]}", *pictures]
    browsers = {who.name: site.as_user(who) for who in (ada, ben, senior)}

    def statuses(name: str) -> set[int]:
        return {browsers[name].get(path).status_code for path in paths}

    assert [statuses(name) for name in ("ada", "ben", "senior")] == [{200}, {404}, {404}]
    with site.stores.db.begin() as db:
        judgements.undo(db, given.id, ada, judged.LIMIT)
    assert statuses("ada") == {404}


def test_nothing_can_be_had_by_counting_ids(site: Site, analyst: Browser) -> None:
    closed, waiting = seed(site.stores, Story(state="withdrawn")), seed(site.stores, Story(number="HC-2"))
    paths = [f"/media/crop/{closed.shots[0]}", "/media/crop/999", f"/candidates/{10**25}/clip.mp4"]
    for one in (closed, waiting):
        paths += [
            f"/candidates/{one.candidate}/{name}" for name in ("shot/1.jpg", "photo/1.jpg", "still.jpg", "clip.mp4")
        ]
    for path in paths:
        answer = analyst.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["cache-control"] == "no-store"
    assert site.log() == []


def test_an_object_that_the_store_has_not_is_not_found(site: Site, stores: Stores) -> None:
    seeded = seed(site.stores)
    with stores.db.begin() as db:
        db.exec_driver_sql("UPDATE candidates SET clip_key = 'lost', still_key = 'lost'")
    reader = site.reader(seeded.candidate)
    for name in ("clip.mp4", "still.jpg"):
        assert reader.get(f"/candidates/{seeded.candidate}/{name}").status_code == 404
    assert site.log() == []
