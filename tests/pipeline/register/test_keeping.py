"""The register keeper's acts on real photos of public figures: what they set going, and what they leave alone."""

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.records import Found, Judged, Match, PersonEntry, PersonStatus, Template
from lastseen.settings import Settings
from pipeline.app import App, open_app
from pipeline.register import keeping
from pipeline.register.importing import Imported, import_register
from storage import candidates, custody, faces, findings, holds, keys, register, retention, sweeps, ties, work
from storage.objects import DERIVED, REGISTER, ObjectMissing, Stored
from storage.register import PersonHeld
from storage.stores import Stores
from storage.subjects import parse
from storage.work import Queue
from tests.pipeline.matching.test_match import ENGINE, SEAL, Bureau, point
from tests.storage.test_register import until_somebody_waits
from tests.storage.test_statements import HOME

HEADER = "register_number,names,birth_year,status,photos,kin,same_as\n"


@pytest.fixture
def app(settings: Settings) -> Iterator[App]:
    """An empty office."""
    with open_app(settings, "keeper") as opened:
        yield opened


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "register.csv"


def write(table: Path, *rows: str) -> Path:
    table.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return table


def held(app: App, number: str) -> PersonHeld:
    with app.stores.db.begin() as db:
        return register.held(db, number)


def odd(app: App) -> set[str]:
    with app.stores.db.begin() as db:
        return {
            f"{one.kind} {one.state}: {one.photo_name}, {one.other_photo_name}"
            for one in findings.listed(db, closed=True)
        }


def told(app: App) -> list[tuple[str, str]]:
    with app.stores.db.begin() as db:
        return [(event.action, event.reason) for event in custody.events(db) if event.reason]


def lies(app: App, bucket: str, key: str) -> bool:
    try:
        app.stores.objects.size(bucket, key)
    except ObjectMissing:
        return False
    return True


def test_a_photo_under_the_wrong_entry_is_found_removed_and_stays_away(
    app: App, table: Path, shared_media: Path
) -> None:
    for name in ("obama.jpg", "obama2.jpg", "biden.jpg"):
        shutil.copy(shared_media / name, table.parent)
    path = write(table, "BO,Barack,,,obama.jpg|biden.jpg,,", "JB,Joe,,,obama2.jpg,,")
    done = import_register(app, path)
    assert (done.photos, done.new_photos, done.refused) == (3, 3, [])
    apart = {"apart open: biden.jpg, obama.jpg", "apart open: obama.jpg, biden.jpg"}
    assert odd(app) == {*apart, "twice open: obama.jpg, obama2.jpg"}
    assert [photo.badge for photo in held(app, "BO").photos] == ["good", "good"]

    wrong = held(app, "JB").photos[0]
    with app.stores.db.begin() as db:
        crop: str = db.execute(
            text("SELECT crop_key FROM reference_photos WHERE id = :id"), {"id": wrong.id}
        ).scalar_one()
        key = register.photo(db, wrong.id).key
    assert lies(app, REGISTER, key) and lies(app, DERIVED, crop)
    gone = keeping.remove_photo(app, "JB", "obama2.jpg", "it shows somebody else", "keeper")
    assert gone.others == ()
    assert [(photo.state, photo.badge) for photo in held(app, "JB").photos] == [("removed", None)]
    assert not lies(app, REGISTER, key) and not lies(app, DERIVED, crop)
    assert odd(app) == apart
    assert ("removed", "it shows somebody else") in told(app)
    keeping.remove_photo(app, "BO", str(held(app, "BO").photos[1].id), "so does this", "keeper")
    assert odd(app) == set()

    again = import_register(app, path)
    assert (again.new_photos, again.barred, again.fewer) == (0, 2, 0)
    assert not lies(app, REGISTER, key)
    back = import_register(app, path, again=True)
    assert (back.barred, back.new_photos, back.refused) == (0, 2, [])
    assert [photo.state for photo in held(app, "JB").photos] == ["searched"]
    assert odd(app) == {*apart, "twice open: obama.jpg, obama2.jpg"}


def numbers(done: Imported) -> dict[str, str]:
    return {refusal.where: refusal.why for refusal in done.refused}


def test_ties_of_a_file_are_declared_when_all_of_it_is_in(app: App, table: Path) -> None:
    path = write(table, "1,A,,,,2|3,", "2,B,,,,1,", "3,C,,,,,4", "4,D,,,,,")
    done = import_register(app, path)
    assert (done.ties, done.refused) == (3, [])
    with app.stores.db.begin() as db:
        assert [(tie.one, tie.other, tie.kind) for tie in ties.listed(db)] == [
            ("1", "2", "kin"), ("1", "3", "kin"), ("3", "4", "same"),
        ]  # fmt: skip
    assert import_register(app, path).ties == 0


def test_ties_that_cannot_be_are_refused_with_their_row(app: App, table: Path) -> None:
    done = import_register(app, write(table, "1,A,,,,9|1|2,", "2,B,,,,,1"))
    assert (done.people, done.ties) == (2, 1)
    assert numbers(done) == {
        "row 2: kin 9": "it names an entry that the register does not have",
        "row 2: kin 1": "an entry has no tie with itself",
        "row 3: same_as 1": "the two entries are declared as kin already: `lastseen register untie` first",
    }
    with app.stores.db.begin() as db:
        kept = db.execute(text("SELECT subject, why FROM refusals ORDER BY subject")).all()
    assert [row.subject.partition("#")[2] for row in kept] == ["row 2: kin 1", "row 2: kin 2", "row 3: same_as 1"]


def hand_in(app: App, number: str, name: str, content: bytes = b"one") -> None:
    """A photo of an entry, that nobody has checked."""
    sha256 = hashlib.sha256(content).hexdigest()
    thing = ObjectToStore(REGISTER, keys.photo(sha256), content, sha256, "image/jpeg")
    stored = app.stores.objects.put_verified(thing, None)
    with app.stores.db.begin() as db:
        person = register.keep_person(db, PersonEntry(number, None, ()), 5).person
        register.keep_photo(db, person, name, stored, "image/jpeg")


def test_a_file_that_lists_fewer_photos_removes_none_and_says_so(app: App, table: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        hand_in(app, "1", name, name.encode())
    (table.parent / "1.jpg").write_bytes(b"1.jpg")
    done = import_register(app, write(table, "1,A,,,1.jpg,,", "2,B,,,,,"))
    assert (done.new_photos, done.fewer, done.unlisted) == (0, 1, 1)
    assert [one.file_name for one in held(app, "1").photos] == ["1.jpg", "2.jpg"]


def test_what_a_hold_is_on_stays(app: App) -> None:
    hand_in(app, "1", "1.jpg")
    with app.stores.db.begin() as db:
        holds.place(db, parse("person:1"), "a court asks", "tester")
    with pytest.raises(WrongUse, match="legal hold"):
        keeping.remove_photo(app, "1", "1.jpg", "why", "keeper")
    assert [one.state for one in held(app, "1").photos] == ["pending"]


def test_a_photo_that_is_not_meant_clearly_is_not_removed(app: App) -> None:
    for content in (b"one", b"two"):
        hand_in(app, "1", "same.jpg", content)
    wrong = (("9", "1.jpg", "no entry 9"), ("1", "9.jpg", "no such photo"), ("1", "same.jpg", "several such photos"))
    for number, name, why in wrong:
        with pytest.raises(WrongUse, match=why):
            keeping.remove_photo(app, number, name, "why", "keeper")


def test_a_check_that_is_under_way_makes_no_template_of_a_photo_that_goes(app: App) -> None:
    """It ends while the photo is being removed: before that, so that its template goes, too."""
    hand_in(app, "1", "1.jpg")
    photo, queue = held(app, "1").photos[0].id, Queue("enroll", app.steps.engine)
    with app.stores.db.begin() as db:
        work.offer(db, queue, [photo])
        claim = work.claim(db, queue, timedelta(minutes=1))
    assert claim is not None
    with ThreadPoolExecutor(1) as somebody, app.stores.db.begin() as checking:
        faces.keep_photo_template(checking, photo, ENGINE, Template("photo", point(0), 1.0), SEAL)
        work.finish(checking, claim)
        removing = somebody.submit(keeping.remove_photo, app, "1", "1.jpg", "why", "keeper")
        until_somebody_waits(checking)
        checking.commit()
        removing.result(30)
    with app.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM templates")).scalar_one() == 0


def test_an_object_that_another_entry_has_too_stays(app: App) -> None:
    for number in ("1", "2"):
        hand_in(app, number, "1.jpg")
    with app.stores.db.begin() as db:
        key = register.photo(db, held(app, "1").photos[0].id).key
    keeping.remove_photo(app, "1", "1.jpg", "of the other", "keeper")
    assert lies(app, REGISTER, key)
    keeping.remove_photo(app, "2", "1.jpg", "of nobody", "keeper")
    assert not lies(app, REGISTER, key)
    with pytest.raises(WrongUse, match="removed already"):
        keeping.remove_photo(app, "2", "1.jpg", "why", "keeper")


def test_an_object_that_a_killed_removal_left_goes_with_the_next_retention(app: App) -> None:
    hand_in(app, "1", "1.jpg")
    with app.stores.db.begin() as db:
        register.remove_photo(db, "1", "1.jpg", "why", "keeper", 5)
    with app.stores.db.begin() as db:
        assert retention.due(db, 30, 180).photos == 1
        assert len(retention.photos(db, 180).objects) == 1


def test_who_is_found_is_searched_for_no_more(app: App) -> None:
    hand_in(app, "1", "1.jpg")
    keeping.close(app, "1", HOME, "at home", "keeper")
    assert held(app, "1").status is PersonStatus.FOUND
    assert told(app) == [("stated", "at home"), ("register entry changed", "at home")]
    with pytest.raises(WrongUse, match="found already"):
        keeping.close(app, "1", HOME, "at home", "keeper")
    with pytest.raises(WrongUse, match="no entry 9"):
        keeping.close(app, "9", HOME, "at home", "keeper")


# --- what a removed photo had found ------------------------------------------------------------------------


def second_photo(bureau: Bureau, number: str, place: float) -> int:
    """Another photo of an entry, enrolled."""
    with bureau.stores.db.begin() as db:
        stored = Stored(f"photo/{number}/2", "", 1, f"{number}2".zfill(64), created=True)
        made, _ = register.keep_photo(db, register.held(db, number).id, "second.jpg", stored, "image/jpeg")
        faces.keep_photo_template(db, made, ENGINE, Template("photo", point(place), 1.0), SEAL)
        sweeps.ask(db, ENGINE, [made])
    return made


def removed(bureau: Bureau, number: str, name: str) -> None:
    with bureau.stores.db.begin() as db:
        _, done, _ = register.remove_photo(db, number, name, "why", "keeper", bureau.settings.people_per_track)
        sweeps.ask(db, ENGINE, done.others)


def test_what_a_removed_photo_had_found_is_left_to_the_others(stores: Stores, settings: Settings) -> None:
    bureau = Bureau(stores, settings.model_copy(update={"people_per_track": 1}))
    bureau.person("A", 0.1)
    second_photo(bureau, "A", 0.3)
    bureau.person("B", 0.2)
    bureau.video(0.0)
    bureau.match()
    assert bureau.candidates() == {"A@0": "open 0.090", "B@0": "displaced 0.190"}
    removed(bureau, "A", "photo.jpg")
    assert bureau.candidates() == {"A@0": "withdrawn 0.090", "B@0": "open 0.190"}
    bureau.match()
    assert bureau.candidates() == {"B@0": "open 0.190", "A@0": "displaced 0.290"}
    removed(bureau, "A", "second.jpg")
    bureau.match()
    assert bureau.candidates() == {"B@0": "open 0.190", "A@0": "withdrawn 0.290"}


def test_a_photo_that_goes_while_it_is_compared_finds_nobody(stores: Stores, settings: Settings) -> None:
    bureau = Bureau(stores, settings)
    bureau.person("A", 0.1)
    bureau.video(0.0)
    with stores.db.begin() as db:
        photo = register.held(db, "A").photos[0].id
        match = Match(register.held(db, "A").id, photo, 0.1)
        track: int = db.execute(text("SELECT id FROM tracks")).scalar_one()
    removed(bureau, "A", "photo.jpg")
    with stores.db.begin() as db:
        candidates.lock(db)
        candidates.keep(db, ENGINE, Judged({track: (Found(match, None),)}, {track: (match,)}, None), 5)
    assert bureau.candidates() == {}
