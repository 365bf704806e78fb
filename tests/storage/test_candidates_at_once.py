"""Several who change what candidates depend on, at once, on a real database: one end, whatever the order."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from lastseen.records import Found, Judged, Match
from storage import candidates, faces, rejections, retention
from storage.database import Connection, Engine
from tests.storage.casting import ENGINE, Seen, Video, person, repost, row, video
from tests.storage.test_register import until_somebody_waits

LIMIT = 2
"""people per track"""
PEOPLE = 4
Act = Callable[[Connection], object]


@pytest.fixture
def others() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def keeping(track: int, who: tuple[int, int], distance: float) -> Act:
    """What a match and a sweep do at their end."""
    judged = Judged({track: (Found(Match(*who, distance), 0.001),)}, {}, None)

    def act(db: Connection) -> None:
        candidates.lock(db)
        candidates.keep(db, ENGINE, judged, LIMIT)

    return act


def states(db: Engine) -> list[tuple[int, int, str]]:
    with db.connect() as one:
        rows = one.execute(text("SELECT track_id, person_id, state FROM candidates ORDER BY 1, 2"))
        return [tuple(row) for row in rows]


def once(db: Engine, act: Act) -> None:
    with db.begin() as one:
        act(one)


def test_a_crop_s_row_goes_when_nobody_changes_candidates(db: Engine, others: ThreadPoolExecutor) -> None:
    """Or a rejection that is revoked at that moment would leave a candidate open of which no moment is ever cut."""
    with db.begin() as one:
        (track,) = video(one, Seen(0, 1000)).tracks
    with db.begin() as one:
        candidates.lock(one)
        dropped = others.submit(once, db, lambda other: retention.drop(other, [track]))
        until_somebody_waits(one)
        assert not dropped.done()
    dropped.result()


def test_searches_rejections_and_links_that_meet_come_to_one_end(db: Engine, others: ThreadPoolExecutor) -> None:
    ends = [_end(db, others, order) for order in range(3)]
    assert ends[0] == ends[1] == ends[2]
    assert {state for _, _, state in ends[0]} == {"open", "joined", "rejected", "displaced"}


def _end(db: Engine, others: ThreadPoolExecutor, order: int) -> list[tuple[int, int, str]]:
    """The states in a world of its own, by the place of track and person in it; the first is made one by one."""
    with db.begin() as one:
        film, copy, acts = _world(one, order)
    random.Random(order).shuffle(acts)
    if order:
        list(others.map(lambda act: once(db, act), acts))
    else:
        for act in acts:
            once(db, act)
    with db.begin() as one:
        arranged = candidates.arrange(one, [film.blob], LIMIT)
        assert not arranged.changed, "they are what follows from all that is known"
    tracks = [*film.tracks, *copy.tracks]
    mine = [found for found in states(db) if found[0] in tracks]
    people = sorted({who for _, who, _ in mine})
    return [(tracks.index(track), people.index(who), state) for track, who, state in mine]


def _world(db: Connection, order: int) -> tuple[Video, Video, list[Act]]:
    """A film of three tracks, two of them one face, its copy, four people; and what happens to them."""
    spots = Seen(0, 3000, 120), Seen(0, 3000, 320), Seen(4000, 7000, 120)
    film, copy = video(db, *spots, links=[(0, 2)]), video(db, *spots, links=[(0, 2)])
    people = [person(db, f"{order}-{number}") for number in range(PEOPLE)]
    for _, photo in people:
        row(db, "templates", photo_id=photo, kind="photo", engine=ENGINE, quality=1.0, sealed=b"x")
    first = keeping(film.tracks[1], people[0], 0.3)
    first(db)
    looked_at: int = db.execute(text("SELECT max(id) FROM candidates")).scalar_one()
    gone: int = db.execute(text("SELECT max(id) FROM cast_links")).scalar_one()
    tracks = [*film.tracks, *copy.tracks]
    return (
        film,
        copy,
        [
            *(
                keeping(track, who, 0.3 + number / 20 + place / 1000)
                for place, track in enumerate(tracks)
                for number, who in enumerate(people)
            ),
            lambda one: rejections.reject(one, looked_at, "another nose", "an analyst", LIMIT),
            lambda one: faces.withdraw_link(one, gone, "an analyst", LIMIT),
            lambda one: _link(one, film, copy),
        ],
    )


def _link(db: Connection, film: Video, copy: Video) -> None:
    candidates.lock(db)
    repost(db, film, copy, (0, 9000), (0, 9000))
    candidates.arrange(db, [film.blob], LIMIT)
