"""A thousand pages with every fault, and workers killed at random moments: each ends as it should, nothing twice."""

import hashlib
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from lastseen.records import Platform
from storage import sources
from storage.objects import EVIDENCE
from tests.office import Office
from tests.pipeline.video_sites import many_pages
from tests.pipeline.video_sites.many_pages import KINDS, REFUSING, Kind, World

KILLS: Final = 12
BLOB: Final = "blob/"
RAW: Final = "raw/"

ENDS: Final = """
    SELECT regexp_replace(permalink, '^.*/', '') AS name, posts.seen, work.state, work.outcome,
           (SELECT string_agg(kind, ' ' ORDER BY ordinal) FROM media_items AS held
             WHERE held.post_id = posts.id AND blob_id IS NOT NULL) AS files
      FROM posts JOIN media_items ON media_items.post_id = posts.id AND ordinal = 0
      JOIN work ON step = 'fetch' AND subject = media_items.id"""
HELD: Final = {
    "posts": "SELECT platform_post_id, permalink, seen FROM posts",
    "observations": "SELECT platform_post_id, method, content_hash FROM observations JOIN posts ON posts.id = post_id",
    "media": "SELECT post_id, ordinal, kind, address, blob_id FROM media_items",
    "blobs": "SELECT sha256, size, object_key, version_id FROM blobs",
    "events": "SELECT seq, action, subject FROM custody_events WHERE action <> 'signed'",
    "work": "SELECT step, subject, state, outcome FROM work WHERE step <> 'collect'",
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with many_pages.world() as made:
        yield made


def rows(office: Office, statement: str) -> list[tuple[object, ...]]:
    with office.stores.db.begin() as db:
        return sorted(map(tuple, db.exec_driver_sql(statement)), key=repr)


def run(office: Office, seed: int, kills: int) -> int:
    """Have workers collect and fetch.  Returns how many were killed at work."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.video_sites.killing", str(seed), str(kills)],
        env=office.environ(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
        text=True,
    )
    killed, failed = map(int, done.stdout.split())
    assert not failed, "no worker ended by a fault"
    return killed


@pytest.mark.long
def test_a_thousand_pages_run_twice_and_killed_in_between(office: Office, world: World) -> None:
    limits = {
        "fetch_max_mib": many_pages.MAX_MIB,
        "fetch_max_seconds": many_pages.MAX_SECONDS,
        "listing_limit": 1200,
        "site_downloads": 8,
        "site_kib_per_second": 0,
        "site_rest_seconds": 60.0,
        "transient_limit": 2,
        "crash_limit": 1000,
        "allowed_extractors": ("generic",),
    }
    office = Office(office.settings.model_copy(update=limits), office.stores)
    with office.stores.db.begin() as db:
        for address in world.lists:
            sources.add(db, Platform.VIDEO_SITE, address, "a reason", "test", "test")
    seed = random.randrange(1 << 30)
    sys.stdout.write(f"seed {seed}\n")
    assert run(office, seed, KILLS) == KILLS
    for kind in REFUSING:
        if kind.state == "done":  # an hour later
            office.run("site", "open", f"127.0.0.1:{world.refusing[kind.name].port}")
    run(office, seed, 0)
    first = {name: rows(office, said) for name, said in HELD.items()}
    objects = evidence(office)
    check_ends(office)
    check_once(office, objects)
    run(office, seed, 0)
    assert {name: rows(office, said) for name, said in HELD.items()} == first
    assert evidence(office) == objects
    check_refusals(world)
    said = office.ask("verify")
    assert (said["ok"], said["incidents"]) == (True, [])


def evidence(office: Office) -> list[str]:
    """Keys of originals and records, each as often as it has versions."""
    return [key for key in office.objects()[EVIDENCE] if key.startswith((BLOB, RAW))]


def check_ends(office: Office) -> None:
    """Each page as the table says."""
    ends = {str(name): tuple(rest) for name, *rest in rows(office, ENDS)}
    wanted = {name: end_of(kind) for kind in (*KINDS, *REFUSING) for name, _ in kind.named()}
    wrong = {name: (ends.get(name), end) for name, end in wanted.items() if ends.get(name) != end}
    wrong = {name: said for name, said in wrong.items() if not refused(name, said[0])}
    assert wrong == {}
    assert ends.keys() == wanted.keys()


def end_of(kind: Kind) -> tuple[object, ...]:
    return (kind.seen, kind.state, kind.fault, " ".join(kind.files) or None)


def refused(name: str, end: tuple[object, ...] | None) -> bool:
    """The pages of a site that refuses us wait; one of them, or few, have met it."""
    kind = next(kind for kind in (*KINDS, *REFUSING) if name.startswith(f"{kind.name}-"))
    return kind in REFUSING and kind.state == "open" and end is not None and end[1] == "open" and end[3] is None


def check_once(office: Office, objects: list[str]) -> None:
    """What is held is what was published, each of it once."""
    wanted = Counter[str]()
    for kind in (*KINDS, *REFUSING):
        wanted[kind.state] += len(list(kind.named()))
    states = rows(office, "SELECT state, count(*) FROM work WHERE step = 'fetch' GROUP BY 1")
    assert {str(state): count for state, count in states} == wanted
    assert [pair for pair in Counter(objects).items() if pair[1] > 1] == []
    blobs = {str(sha256) for (sha256,) in rows(office, "SELECT sha256 FROM blobs")}
    stored = [key.rpartition("/")[2] for key in objects if key.startswith(BLOB)]
    assert blobs <= set(stored)
    told = rows(office, "SELECT detail->>'sha256' FROM custody_events WHERE action = 'stored'")
    assert sorted(str(sha256) for (sha256,) in told) == sorted(blobs), "each original is told of once"
    looks = rows(office, "SELECT post_id, method, count(*) FROM observations GROUP BY 1, 2 HAVING count(*) > 1")
    assert looks == []
    told = rows(office, "SELECT detail->>'key', count(*) FROM custody_events WHERE action = 'collected' GROUP BY 1")
    assert {count for _, count in told} == {1}, "so is each record"
    plain = {hashlib.sha256(f"bytes of {name} ".encode() * 20).hexdigest() for name, _ in KINDS[0].named()}
    assert plain <= blobs


def check_refusals(world: World) -> None:
    """Who refuses us was left alone."""
    for kind in REFUSING:
        if kind.state == "open":
            asked = sum(each.path.startswith("/watch/") for each in world.refusing[kind.name].asked)
            assert 1 <= asked <= 1 + KILLS, kind.name
