"""Days of a whole office: collected, manifested, signed, witnessed, stamped, exported.  Then somebody attacks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.settings import Authority, Settings
from pipeline import jobs
from pipeline.app import open_app
from pipeline.custody import signing, stamp_checks, witness, witnessing
from pipeline.evidence import verify as offline
from pipeline.evidence.export import export
from pipeline.evidence.verify import Asked
from pipeline.jobs import Scope
from storage import chain_checks, custody, custody_keys, heads, keys
from storage.chain_checks import StoredHeads
from storage.custody import Event, Incident
from storage.database import Engine, connect
from storage.embedded import Endpoints
from storage.merkle import Frontier
from storage.notes import Checkpoint, Note, Signer
from storage.objects import EVIDENCE, ObjectStore
from storage.stores import Stores
from storage.tables import custody_events
from storage.verification import verify
from tests.conftest import as_owner
from tests.office import Office
from tests.pipeline.conftest import PUBLISHED
from tests.pipeline.custody.days import moved
from tests.pipeline.custody.test_witness import served
from tests.pipeline.evidence.conftest import make_office, put
from tests.servers.time_stamp_authority import TimeStampAuthority
from tests.servers.video_site import Page, VideoSite
from tests.storage.owning import change_as_owner

LOG, DAYS = "lastseen/installation", 3
FREE = b"\0\0\0\x08free"
"""an empty box at the end of a film: other bytes, the same film"""
ATTACKED = (
    "custody_events", "checkpoints", "cosignatures", "observations", "blobs", "manifests", "stamp_statements", "stamps",
)  # fmt: skip


@dataclass(frozen=True)
class Installation:
    """The office after some days, and what others have kept of it."""

    settings: Settings
    stores: Stores
    owner: Engine
    folder: Path
    known: Path
    """a head of the first day, as somebody has it in a letter"""
    witnessed: Path
    """the head that a witness saw on the last but one"""
    witness: str
    root: Path

    def found(self) -> list[str]:
        """What `lastseen verify` says: where and what."""
        also = [stamp_checks.listening(self.stores, self.settings)]
        report = verify(self.stores.db, self.stores.objects, custody_keys.trusted(self.settings), also=also)
        return [f"{one.where}: {one.what}" for one in report.incidents]

    def checked(self) -> list[str]:
        """What `lastseen custody check` says with the heads that others have kept."""
        files = {path.name: path.read_text() for path in (self.known, self.witnessed)}
        stored = StoredHeads.read(self.stores.objects).beside(files)
        with self.stores.db.begin() as db:
            links = chain_checks.follow(db, stored, custody_keys.trusted(self.settings))
            return [f"{link.where}: {link.what}" for link in links if isinstance(link, Incident)]

    def asked(self) -> Asked:
        """What a stranger has who did not get it with the package."""
        (key,) = custody_keys.public_keys(self.settings)
        known = [offline.checkpoint(path.read_text()) for path in (self.known, self.witnessed)]
        roots = offline.pem_certificates(self.root.read_text())
        return Asked([offline.vkey(str(key))], [offline.vkey(self.witness)], known, roots)

    def exported(self, name: str) -> Path:
        """A package of the newest recording."""
        with self.stores.db.begin() as db:
            sha256 = db.execute(text("SELECT sha256 FROM blobs ORDER BY id DESC LIMIT 1")).scalar_one()
        with open_app(self.settings, "test") as app:
            export(app, f"blob:{sha256}", self.folder / name, "a court", "a request", lambda said: None)
        return self.folder / name

    def as_owner(self, *statements: str) -> None:
        """What triggers would refuse."""
        change_as_owner(self.owner, ATTACKED, statements)

    def events(self) -> list[Event]:
        with self.stores.db.begin() as db:
            return list(custody.events(db))

    def rewrite(self, change: Callable[[Event], Event | None]) -> list[Event]:
        """The whole log anew: numbered, linked and hashed as it should be."""
        anew, previous = list[Event](), custody.GENESIS
        for event in map(change, self.events()):
            if event is not None:
                made = replace(event, seq=len(anew) + 1, previous=previous)
                previous = custody.digest(previous, made.body)
                anew.append(replace(made, hash=previous))
        self.as_owner("DELETE FROM custody_events")
        with self.owner.begin() as db:
            names = [column.name for column in custody_events.columns]
            db.execute(custody_events.insert(), [{name: getattr(event, name) for name in names} for event in anew])
        return anew

    def resign(self, events: list[Event]) -> None:
        """Every head anew, with the log's own key, in the database and in the store."""
        private = custody_keys.private_key(self.settings, make=False)
        self.as_owner("DELETE FROM cosignatures")
        with self.stores.db.begin() as db:
            old = [Checkpoint.parse(Note.parse(note).text) for note in heads.notes_by_size(db).values()]
        for said in old:
            frontier = Frontier().grown(event.hash for event in events[: said.size])
            anew = Checkpoint.of(said.origin, said.size, frontier.root, events[said.size - 1].hash, said.at)
            note = str(Note(anew.text).signed(Signer(said.origin, private).sign(anew.text)))
            with self.owner.begin() as db:
                values = {"note": note, "peaks": frontier.packed(), "size": said.size}
                db.execute(text("UPDATE checkpoints SET note = :note, peaks = :peaks WHERE size = :size"), values)
            key = keys.checkpoint(said.size, said.at)
            self.stores.objects.erase(EVIDENCE, key)
            put(self.stores, key, note.encode())


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    endpoints: Endpoints,
    make_store: Callable[[str], ObjectStore],
    models_dir: Path,
    shared_media: Path,
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    with make_office(endpoints, make_store, folder, models_dir) as office:
        owner = connect(as_owner(endpoints, office.stores.db.url.render_as_string(hide_password=False)))
        yield _lived(office, owner, folder, (shared_media / "short_hamilton_clip.mp4").read_bytes())
        owner.dispose()


def _lived(office: Office, owner: Engine, folder: Path, film: bytes) -> Installation:
    began, known, witnessed = utcnow(), folder / "known.txt", folder / "witnessed.txt"
    key = str(Signer(LOG, custody_keys.private_key(office.settings, make=True)).verifier())
    state = witness.init(folder / "witness", "w.example", [key])
    with TimeStampAuthority(folder / "authority") as authority, served(state) as url, VideoSite() as site:
        told = {
            "log_name": LOG,
            "witnesses": (f"{state.verifier} {url}",),
            "time_stamp_authorities": (Authority("here", authority.url, authority.roots),),
            "database_owner_url": SecretStr(owner.url.render_as_string(hide_password=False)),
        }
        settings = office.settings.model_copy(update=told)
        office.run("source", "add", "video_site", site.url("/feed.rss"), "--reason", "a test")
        for number in range(DAYS + 1):
            then = began + timedelta(days=number)  # ahead: the children that read pages have the machine's clock
            authority.at = then
            with moved(then), open_app(settings, "test") as app:
                if number < DAYS:
                    (folder / f"{number}.mp4").write_bytes(film + number * FREE)
                    site.add(Page(f"p{number}", folder / f"{number}.mp4", title=f"day {number}", published=PUBLISHED))
                    for command in ("collect", "fetch"):
                        jobs.execute(app, command, Scope())
                jobs.execute(app, "manifest", Scope())
                head = signing.sign(settings, app.stores).head
                assert head is not None
                assert [one.answer for one in witnessing.ask_all(settings, app.stores, head)] == [
                    witnessing.Answer.COSIGNED
                ]
            if number in (0, DAYS - 1):
                (known if number == 0 else witnessed).write_text(str(head.note))
    return Installation(
        settings, office.stores, owner, folder, known, witnessed, str(state.verifier), folder / "authority" / "root.pem"
    )


@pytest.fixture
def installation(built: Installation) -> Iterator[Installation]:
    """All its rows are put back afterwards."""
    with built.owner.begin() as db:
        for table in ATTACKED:
            db.execute(text(f"CREATE TABLE was_{table} AS TABLE {table}"))
    yield built
    built.as_owner(*(f"DELETE FROM {table}" for table in reversed(ATTACKED)))  # noqa: S608  our own names
    built.as_owner(
        *(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE was_{table}" for table in ATTACKED),
        *(f"DROP TABLE was_{table}" for table in ATTACKED),
    )


def test_it_stands_and_so_does_what_a_stranger_gets(built: Installation) -> None:
    assert built.found() == []
    assert built.checked() == []
    with built.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM manifests")).scalar_one() == DAYS
        assert db.execute(text("SELECT count(*) FROM stamps")).scalar_one() == DAYS
    verdict = offline.verify(built.exported("package"), built.asked())
    assert [one for one in verdict.findings if one.state != "ok"] == []


MIDDLE = "(SELECT max(size) FROM checkpoints WHERE size < (SELECT max(size) FROM checkpoints))"


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("UPDATE observations SET title = 'nobody wrote this' WHERE id = 1", "says was observed"),
        ("UPDATE observations SET observed_at = observed_at - interval '1 day' WHERE id = 1", "says was observed"),
        ("DELETE FROM observations WHERE id = (SELECT max(id) FROM observations)", "its row is gone"),
        ("UPDATE blobs SET stored_at = stored_at - interval '1 day' WHERE id = 1", "another time than the custody log"),
        ("UPDATE custody_events SET actor = 'another' WHERE seq = 2", "its content is not what was hashed"),
        ("DELETE FROM custody_events WHERE seq = 2", "1 events before it are missing"),
        (f"DELETE FROM custody_events WHERE seq > {MIDDLE}", "its end was cut off"),  # noqa: S608
        ("DELETE FROM checkpoints WHERE size = (SELECT min(size) FROM checkpoints)", "is not in the database"),
        ("DELETE FROM stamps WHERE id = 1", "its row is gone"),
        ("DELETE FROM manifests WHERE day = (SELECT min(day) FROM manifests)", "no manifest was made"),
        ("UPDATE stamps SET gen_time = gen_time - interval '1 year' WHERE id = 1", "its row says otherwise"),
        ("UPDATE checkpoints SET note = replace(note, E'Z\\n\\n', E'\\n\\n')", "its time cannot be read"),
    ],
)
def test_what_an_owner_of_the_database_does_is_found(installation: Installation, attack: str, said: str) -> None:
    installation.as_owner(attack)
    found = installation.found()
    assert any(said in one for one in found), found


def test_a_history_written_anew_with_every_key_of_the_office_is_found_by_who_was_shown_another(
    installation: Installation, keeping: None
) -> None:
    """Database, store and signing key are all the attacker's: stamps, the witness, and a letter are not."""
    anew = installation.rewrite(lambda event: replace(event, actor="somebody else"))
    installation.resign(anew)
    found = installation.found()
    assert any("the custody log is not the one that was stamped" in one for one in found), found
    for path in (installation.known, installation.witnessed):
        assert any(path.name in one and "they are not what was signed" in one for one in installation.checked())
    assert any("cosignature/" in one and "they are not what was signed" in one for one in found), found


def test_an_event_dated_back_with_every_key_of_the_office_is_found(installation: Installation, keeping: None) -> None:
    """All of the last day is said to have been the day before."""
    day = timedelta(days=1)
    last = max(event.at for event in installation.events() if event.action == "stored")
    installation.resign(
        installation.rewrite(lambda event: replace(event, at=event.at - day) if event.at >= last - day / 4 else event)
    )
    found = installation.found()
    assert any("the custody log is not the one that was stamped" in one for one in found), found


@pytest.fixture
def keeping(built: Installation) -> Iterator[None]:
    """The signed heads in the store are put back afterwards."""
    objects = built.stores.objects
    there = {key: objects.read(EVIDENCE, key) for key in objects.keys(EVIDENCE, keys.CHECKPOINTS)}
    yield
    for key in list(objects.keys(EVIDENCE, keys.CHECKPOINTS)):
        objects.erase(EVIDENCE, key)
    for key, content in there.items():
        put(built.stores, key, content)
