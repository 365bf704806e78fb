"""One real small case, collected from the loopback site, matched, manifested, stamped and exported: once a run."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from lastseen.clock import iso, utcnow
from lastseen.outcomes import ObjectToStore
from pipeline.app import open_app
from pipeline.custody import signing
from pipeline.evidence.export import export
from pipeline.evidence.folders import UNFINISHED
from storage import custody, heads, rejections, tables
from storage.custody import Action
from storage.database import connect
from storage.embedded import Endpoints
from storage.objects import EVIDENCE, ObjectStore
from storage.stores import Stores
from tests.conftest import fresh_database, settings_on
from tests.office import Office
from tests.pipeline.conftest import PEOPLE, PUBLISHED
from tests.pipeline.evidence import authorities
from tests.review.seeding import Seeded, Story, seed
from tests.servers.time_stamp_authority import TimeStampAuthority
from tests.servers.video_site import Page, VideoSite
from tests.storage.judged import answer

TITLE = "Вечір у Пуерто-Рико <b>&amp; #emph[so]"  # noqa: RUF001  Ukrainian
DESCRIPTION = "Їжак, Єва й Ґудзик.\nДругий рядок: *не розмітка* $x$ @ref <script>alert(1)</script>"  # noqa: RUF001
RECIPIENT = "Прокуратура, відділ 3"
REASON = "request 17/2026"
EXPORT, WHY = ("export", "evidence"), ("--recipient", RECIPIENT, "--reason", REASON)


@dataclass(frozen=True)
class Exported:
    """A package, and what a reader may have got another way."""

    folder: Path
    sha256: str
    key: str
    known: Path
    """a checkpoint from before"""
    root: Path
    """the authority's root certificate"""
    candidate: int
    left: list[str]
    """what an export had left that was killed before"""
    told: str
    """what the next one said of that"""


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory,
    endpoints: Endpoints,
    make_store: Callable[[str], ObjectStore],
    models_dir: Path,
    shared_media: Path,
) -> Exported:
    """The package of the one candidate; nobody may change it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "exported"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made.json").exists():
            with make_office(endpoints, make_store, folder, models_dir) as office:
                _fill(office, shared_media, folder)
    said = json.loads((folder / "made.json").read_text())
    root, target = folder / "authority" / "root.pem", folder / "package"
    return Exported(
        target, said["sha256"], said["key"], folder / "known.txt", root, said["candidate"], said["left"], said["told"]
    )


@pytest.fixture
def package(exported: Exported, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(exported.folder, tmp_path / "package"))


@contextmanager
def make_office(
    endpoints: Endpoints, make_store: Callable[[str], ObjectStore], folder: Path, models_dir: Path
) -> Iterator[Office]:
    """An empty office on a database and buckets of its own."""
    objects = make_store(f"t-{secrets.token_hex(6)}-")
    with fresh_database(endpoints) as url:
        db = connect(url)
        current = settings_on(endpoints, url, objects, folder, models_dir)
        yield Office(current.model_copy(update={"office": "Office of the Commissioner <test>"}), Stores(db, objects))
        db.dispose()
    objects.close()


def _fill(office: Office, shared_media: Path, folder: Path) -> None:
    register = folder / "register"
    for number, photo in PEOPLE.items():
        (register / number).mkdir(parents=True)
        shutil.copy(shared_media / photo, register / number / photo)
    content = shared_media / "short_hamilton_clip.mp4"
    with VideoSite() as site:
        for name in ("clip", "again"):
            site.add(Page(name, content, title=TITLE, description=DESCRIPTION, published=PUBLISHED))
        office.run("source", "add", "video_site", site.url("/feed.rss"), "--reason", "a test")
        office.run("register", "import", str(register))
        office.run("run")
    known = folder / "known.txt"
    head = signing.sign(office.settings, office.stores).head
    assert head is not None
    known.write_text(str(head.note))
    with TimeStampAuthority(folder / "authority") as authority:
        stamp_day(office, authority)
    found = office.ask("candidates")["candidates"]
    assert isinstance(found, list)
    best = min(found, key=lambda one: one["distance"])
    with office.stores.db.begin() as db:
        refused = rejections.reject(db, best["id"], "another nose", "analyst", 5)
        taken_back = rejections.revoke(db, refused.id, "it was the light", "senior", 5)
        custody.append_all(db, "analyst", [*refused.entries, *taken_back.entries])
        for name, given in (("ada", 3), ("ben", 2)):
            answer(db, name, best["id"], given)
        custody.append(db, "analyst", Action.VIEWED, f"candidate:{best['id']}")
    target = folder / "package"
    case = f"candidate:{best['id']}"
    office.kill_during(
        lambda: any(folder.glob(f"{UNFINISHED}*/package/originals/*")), *EXPORT, case, "--to", str(target), *WHY
    )
    left = [path.name for path in folder.iterdir() if path.name.startswith(UNFINISHED) or path == target]
    told: list[str] = []
    with open_app(office.settings) as opened:
        export(opened, f"blob:{best['blob']}", folder / "blob", RECIPIENT, REASON, told.append)
        export(opened, f"person:{best['person']}", folder / "person", RECIPIENT, REASON, told.append)
    said = office.ask(*EXPORT, case, "--to", str(target), *WHY)
    beside = _beside(office, best["id"])
    with open_app(office.settings) as opened:
        export(opened, f"candidate:{best['id']},{beside}", folder / "several", RECIPIENT, REASON, told.append)
    (folder / "made.json").write_text(
        json.dumps({**said, "candidate": best["id"], "left": left, "told": "".join(told)})
    )


def _beside(office: Office, candidate: int) -> int:
    """Another candidate at the same face, about somebody else."""
    with office.stores.db.begin() as db:
        track = db.execute(select(tables.candidates.c.track_id).where(tables.candidates.c.id == candidate)).scalar_one()
    place = Seeded(candidate, track, 0, 0, (), 0)
    return seed(office.stores, Story(number="26-2", clip=None), at_track=place).candidate


def stamp_day(office: Office, authority: TimeStampAuthority) -> None:
    """Close the present day: its manifest, a head that covers it, a statement, and the authority's token on it."""
    stores = office.stores
    day = utcnow().date()
    with stores.db.begin() as db:
        told = [event for event in custody.events(db) if event.action in ("stored", "collected")]
        origin = heads.origin(db)
    lines: list[dict[str, object]] = [
        {
            "day": day.isoformat(),
            "first_seq": told[0].seq,
            "format": "lastseen.manifest.1",
            "last_seq": told[-1].seq,
            "objects": len(told),
            "origin": origin,
        }
    ]
    for event in told:
        said = event.detail
        lines.append(
            {
                "action": event.action,
                "key": said["key"],
                "observations": [said["observation"]] if "observation" in said else [],
                "seq": event.seq,
                "sha256": said["sha256"],
                "size": said.get("size"),
                "version": said.get("version"),
            }
        )
    content = b"".join(canonical(line) + b"\n" for line in lines)
    sha256 = hashlib.sha256(content).hexdigest()
    key = f"manifest/{day:%Y/%m/%d}/01MANIFEST.jsonl"
    put(stores, key, content)
    detail = {"key": key, "sha256": sha256, "size": len(content), "version": "", "objects": len(told)}
    seqs = {"first_seq": told[0].seq, "last_seq": told[-1].seq}
    with stores.db.begin() as db:
        custody.append(db, "local:test", Action.MANIFESTED, f"manifest:{day}", {**detail, **seqs})
    head = signing.sign(office.settings, stores).head
    assert head is not None
    statement = b"lastseen.stamp.v1\n" + canonical(
        {
            "checkpoint": str(head.note),
            "day": day.isoformat(),
            "manifest": {"key": key, "objects": len(told), "sha256": sha256, "size": len(content)},
        }
    )
    put(stores, f"stamp/{day:%Y/%m/%d}/01STATEMENT.json", statement)
    put(stores, f"stamp/{day:%Y/%m/%d}/01STATEMENT.test.tsr", authorities.stamped(authority, statement))
    roots = authority.roots.read_bytes()
    put(stores, f"authority/{hashlib.sha256(roots).hexdigest()}.pem", roots)
    with stores.db.begin() as db:
        told_of = {"authority": "test", "key": f"stamp/{day:%Y/%m/%d}/01STATEMENT.test.tsr", "genTime": iso(utcnow())}
        custody.append(db, "local:test", Action.STAMPED, f"manifest:{day}", told_of)


def put(stores: Stores, key: str, content: bytes) -> None:
    """Into the evidence bucket."""
    digest = hashlib.sha256(content).hexdigest()
    stores.objects.put_verified(
        ObjectToStore(EVIDENCE, key, content, digest, "application/octet-stream"), utcnow().replace(year=2036)
    )


def canonical(value: object) -> bytes:
    """Sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
