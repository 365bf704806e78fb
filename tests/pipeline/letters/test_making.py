"""Letters as files: as whoever gets them reads them, the same bytes twice, and none to send before the approval."""

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from docx import Document
from pypdf import PdfReader
from sqlalchemy import text as statement

from lastseen.letters import LetterFormat, LetterState
from lastseen.settings import Settings
from pipeline.app import App
from pipeline.evidence import export, packing
from pipeline.evidence.export import Handed
from pipeline.letters import contents, making
from pipeline.letters.contents import Sender
from pipeline.letters.docx import FIRST, docx
from pipeline.letters.pdf import pdf
from storage import cases, custody, letter_book, letters, work
from storage.cases import Case
from storage.custody import Action
from storage.database import Connection
from storage.letters import Written
from storage.objects import EXPORT, ObjectStore
from storage.stores import Stores
from tests.office import Office
from tests.storage.lettered import FORM, NAME, confirmed, lost, moved, recipient, seen, written

MOMENT = "0:00:04\u20130:00:06"
HOSTILE = "Ім\u200b'я\ufeff <w:t>&amp;</w:t> #emph[so] $x$ \x07\u202eevil ]]> {{office}}"
"""XML, typst, control characters, another direction and what is not seen in a name"""


@pytest.fixture
def app(stores: Stores, settings: Settings) -> App:
    """Only what the making takes of it."""
    head = {"office": "Офіс #1 <b>", "office_address": "вул. Хрещатик, 1; тел. 00", "time_zone": "Europe/Kyiv"}
    office = settings.model_copy(update=head)
    return App(office, stores, None, None, "worker")  # type: ignore[arg-type]


def files(app: App, letter: int) -> dict[LetterFormat, bytes]:
    """What is made of a letter, read from the bucket and held against its hashes."""
    with app.stores.db.begin() as db:
        made = letters.files(db, letter)
    found = {one.format: app.stores.objects.read(EXPORT, one.key) for one in made}
    assert [hashlib.sha256(found[one.format]).hexdigest() for one in made] == [one.sha256 for one in made]
    return found


def words(content: bytes) -> list[str]:
    """The text of each page of a PDF, as somebody copies it."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


def spelt(content: bytes) -> str:
    """All text of a DOCX, tables and footers too."""
    document = Document(io.BytesIO(content))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    foot = [one.text for one in document.sections[0].footer.paragraphs]
    return "\n".join([*(one.text for one in document.paragraphs), *cells, *foot])


def approved(app: App, *candidates: int, package: bool = False) -> int:
    with app.stores.db.begin() as db:
        made = written(db, *candidates, package=package)
        confirmed(db, made)
        moved(db, made, "offered", "approved")
    return made


def test_a_letter_that_is_written_is_made_into_a_draft_and_nothing_else(app: App) -> None:
    one = seen(app.stores)
    with app.stores.db.begin() as db:
        made = written(db, one.candidate)
    assert making.due(app) == 1
    assert making.run(app) == {"made": 1, "failed": 0}
    assert making.due(app) == 0
    found = files(app, made)
    assert set(found) == {LetterFormat.DRAFT}
    pages = words(found[LetterFormat.DRAFT])
    assert len(pages) == 2 and all("не надсилати" in page for page in pages)
    assert FORM in pages[0].replace("\n", " ")


def test_a_draft_shows_what_waits_to_be_confirmed_and_what_may_be_sent_shows_no_mark(app: App, tmp_path: Path) -> None:
    one = seen(app.stores)
    with app.stores.db.begin() as db:
        made = written(db, one.candidate, subject=f"Запит щодо ⟦{FORM}⟧", body=f"Про ⟦{FORM}⟧ і ⟦?Лев⟧")  # noqa: RUF001
        letters.confirm(db, made, "Лев", "ann")
        letter = letters.find(db, made)
        assert letter is not None
        said = contents.gather(db, letter)
    draft, final = (
        contents.write(said, Sender(), app.stores.objects, tmp_path, None, draft=draft) for draft in (True, False)
    )
    assert [piece.text for piece in draft.subject if piece.marked] == [FORM]
    assert [piece.text for piece in draft.lines[0].pieces if piece.marked] == [FORM], "the other is confirmed"
    assert not [piece for piece in (*final.subject, *final.lines[0].pieces) if piece.marked]


def test_what_belongs_together_stays_on_a_page() -> None:
    text = "1. Somebody\n   seen there\n   then\n" + "\n".join("p" for _ in range(9)) + "\nfaithfully\nus\n\nsigned"
    kept = [line.keep for line in contents.lines(text)]
    assert kept[:3] == [True, True, False] and kept[-6:] == [True, True, True, True, True, False]
    assert [line.indent for line in contents.lines(text)][:3] == [0, 3, 3]
    two = [line.keep for line in contents.lines("1. A\n   x\n   y\n   z\n2. B\n   x\n   y" + "\np" * 9)]
    assert two[:7] == [True, True, True, False, True, True, False], "all of one person, and not two people"
    many = [line.keep for line in contents.lines("1. A" + "\n   x" * (contents.TOGETHER + 1) + "\np" * 9)]
    assert many[:3] == [True, False, False], "what no page should be kept free for"


def test_no_row_of_a_table_is_split_and_a_still_stays_with_what_is_said_of_it(app: App, tmp_path: Path) -> None:
    one = seen(app.stores)
    with app.stores.db.begin() as db:
        letter = letters.find(db, written(db, one.candidate))
        assert letter is not None
        said = contents.gather(db, letter)
    whole = contents.write(said, Sender(), app.stores.objects, tmp_path, None, draft=False)
    (shown,) = whole.shown
    places = tuple(("place", str(number)) for number in range(contents.TOGETHER))
    for facts, free in ((shown.facts, 1), ((*shown.facts, *places), len(shown.facts) + len(places) - FIRST + 1)):
        document = Document(io.BytesIO(docx(replace(whole, shown=(replace(shown, facts=facts),)), tmp_path)))
        _, people, table = document.tables
        for row in (*people.rows, *table.rows):
            assert row._tr.xpath("w:trPr/w:cantSplit")
        kept = [bool(row.cells[0].paragraphs[0].paragraph_format.keep_with_next) for row in table.rows]
        assert kept == [True] * (len(facts) - free) + [False] * free
        assert people.rows[0].cells[0].paragraphs[0].paragraph_format.keep_with_next, "no head without a row"


@pytest.mark.parametrize("language", ["en", "uk"])
def test_the_annex_shows_two_sightings_a_page_and_splits_none(app: App, tmp_path: Path, language: str) -> None:
    each = [seen(app.stores, f"26-{number}") for number in range(1, 8)]
    with app.stores.db.begin() as db:
        chosen = tuple(one.candidate for one in each)
        said = Written(recipient(db, language), language, "s", "b", False, chosen)
        letter = letters.find(db, letters.write(db, said, "ann")[0])
        assert letter is not None
        gathered = contents.gather(db, letter)
    whole = contents.write(gathered, Sender(), app.stores.objects, tmp_path, None, draft=False)
    pages = words(pdf(whole, tmp_path))[1:]
    of = [[page for page, text in enumerate(pages) if one.title in text] for one in whole.shown]
    assert of == [[0], [1], [1], [2], [2], [3], [3]]
    for one, (page,) in zip(whole.shown, of, strict=True):
        text = pages[page].replace("\n", "")
        told = text[text.index(one.title) :]
        assert all(value.split("\n")[0] in told for _, value in one.facts), "all that is said of it"


@pytest.mark.parametrize(
    ("language", "own", "told"),
    [
        ("en", {"office_en": "Office of Persons", "office_address_en": "1 Street; tel. 00"}, "Office of Persons"),
        ("uk", {"office_uk": "Установа", "office_address_uk": "вул. Перша; тел. 01"}, "Установа"),
        ("en", {"office_uk": "Установа", "office_address_uk": "вул. Перша; тел. 01"}, "Офіс #1 <b>"),
        ("uk", {}, "Офіс #1 <b>"),
    ],
)
def test_the_head_is_in_the_letters_language_where_the_office_has_said_it(
    app: App, language: str, own: dict[str, str], told: str
) -> None:
    app = replace(app, settings=app.settings.model_copy(update=own))
    one = seen(app.stores)
    with app.stores.db.begin() as db:
        written_ = Written(recipient(db, language), language, "s", "b", False, (one.candidate,))
        made = letters.write(db, written_, "ann")[0]
        moved(db, made, "offered", "approved")
        to = letter_book.recipient(db, letters.held(db, made).recipient)  # type: ignore[union-attr]  # it was written
        assert to is not None
        assert letters.facts(app.settings, to, None, letters.subjects(db, ())).office == told
    making.run(app)
    address = own.get(f"office_address_{language}", "вул. Хрещатик, 1; тел. 00")
    found = files(app, made)
    for text in (words(found[LetterFormat.PDF])[0], spelt(found[LetterFormat.DOCX])):
        assert text.startswith("\n".join((told, *address.split("; "))))


def test_an_approved_letter_is_made_into_both_files_with_the_annex(app: App) -> None:
    one, two = seen(app.stores, "26-1"), seen(app.stores, "26-2", "Коваленко Андрій Петрович")
    made = approved(app, one.candidate, two.candidate)
    assert making.run(app)["made"] == 2
    found = files(app, made)
    assert set(found) == {LetterFormat.DRAFT, LetterFormat.PDF, LetterFormat.DOCX}
    with app.stores.db.begin() as db:
        letter = letters.find(db, made)
        (told,) = [event for event in custody.events(db) if event.detail.get("event") == "made"][-1:]
        sha256 = [case.sighted[0].blob for case in _cases(db, made)]
    assert letter is not None
    assert told.action == Action.LETTER_MOVED and told.detail["files"] == {
        kind: hashlib.sha256(found[kind]).hexdigest() for kind in (LetterFormat.PDF, LetterFormat.DOCX)
    }
    pages = words(found[LetterFormat.PDF])
    for number, page in enumerate(pages, 1):
        assert f"сторінка {number} / {len(pages)}" in page
        assert f"lastseen letter {made}" in page and "не надсилати" not in page
    both = ("".join(pages).replace("\n", ""), spelt(found[LetterFormat.DOCX]).replace("\n", ""))
    for text in both:
        assert f"Про долю {FORM} просимо повідомити." in text
        assert "⟦" not in text and "Офіс #1 <b>" in text
        assert f"лист {made}" in text and "Кому: Агентство з розшуку" in text and "Женева" in text
        assert "вул. Хрещатик, 1" in text and "тел. 00" in text
        for annexed in (*sha256, "https://videos.example/watch/1", "03.11.2026 16:05 UTC+2", "26-2", MOMENT):
            assert annexed in text
    people = next(one for one in Document(io.BytesIO(found[LetterFormat.DOCX])).tables if len(one.columns) == 5)
    numbers = ["Номери спостережень", str(one.candidate), str(two.candidate)]
    assert [cell.text for cell in people.columns[-1].cells] == numbers, "nobody takes a number for how many there are"
    assert len(PdfReader(io.BytesIO(found[LetterFormat.PDF])).pages[1].images) >= 1
    with zipfile.ZipFile(io.BytesIO(found[LetterFormat.DOCX])) as parts:
        assert len([name for name in parts.namelist() if name.startswith("word/media/")]) >= 1
        assert b"PAGE" in parts.read("word/footer1.xml") and b"NUMPAGES" in parts.read("word/footer1.xml")


def _cases(db: Connection, letter: int) -> list[Case]:
    found = [cases.of_candidate(db, one) for one in letters.candidates(db, letter)]
    return [case for case in found if case is not None]


def test_the_annex_of_an_english_letter_romanizes_as_the_letter_does(app: App, tmp_path: Path) -> None:
    one = seen(app.stores)
    latin = "Shevchenko Taras Hryhorovych"
    for body, told in ((f"⟦{latin}⟧ ({NAME})", f"{latin} ({NAME})"), (f"Chevtchenko ({NAME})", NAME)):
        with app.stores.db.begin() as db:
            said = Written(recipient(db, "en"), "en", "Request", body, False, (one.candidate,))
            letter = letters.find(db, letters.write(db, said, "ann")[0])
            assert letter is not None
            gathered = contents.gather(db, letter)
        made = contents.write(gathered, Sender(), app.stores.objects, tmp_path, None, draft=False)
        assert made.people.rows[0][1] == told and made.shown[0].title.endswith(f": {told}")


def test_the_same_letter_makes_the_same_bytes(app: App, tmp_path: Path) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    twice = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        with app.stores.db.begin() as db:
            letter = letters.find(db, made)
            assert letter is not None
            said = contents.gather(db, letter)
        whole = contents.write(said, Sender("Офіс"), app.stores.objects, folder, None, draft=False)
        twice.append((pdf(whole, folder), docx(whole, folder)))
    assert twice[0] == twice[1]


def test_hostile_words_stay_words_in_both(app: App) -> None:
    one = seen(app.stores, "26-1", HOSTILE)
    with app.stores.db.begin() as db:
        made = written(db, one.candidate, body=f'{HOSTILE}\n= heading\n#include "x"\n\\ * _ ` @ <a>')
        moved(db, made, "offered", "approved")
    assert making.run(app)["made"] == 2
    found = files(app, made)
    said = "Ім'я <w:t>&amp;</w:t> #emph[so] $x$"
    assert said in spelt(found[LetterFormat.DOCX]) and "\u202e" not in spelt(found[LetterFormat.DOCX])
    text = " ".join(words(found[LetterFormat.PDF])).replace("\n", " ")
    for literal in (said, "= heading", '#include "x"', "\\ * _ ` @ <a>"):
        assert literal in text


def test_what_fell_meanwhile_is_not_made(app: App) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    with app.stores.db.begin() as db:
        lost(db, one.candidate)
    assert making.run(app) == {"made": 1, "failed": 1}
    assert set(files(app, made)) == {LetterFormat.DRAFT}
    with app.stores.db.begin() as db:
        (wait,) = letters.waits(db, made)
    assert (wait.recipe, wait.outcome) == ("final", "SKIPPED") and "no possible sighting" in str(wait.why)


def test_an_approval_that_is_taken_back_makes_nothing(app: App) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    with app.stores.db.begin() as db:
        moved(db, made, "refused")
    assert making.run(app)["failed"] == 1
    with app.stores.db.begin() as db:
        letter = letters.find(db, made)
    assert letter is not None and letter.state is LetterState.REFUSED
    assert set(files(app, made)) == {LetterFormat.DRAFT}


def test_drafts_go_when_a_letter_left_and_everything_of_one_that_never_will(app: App) -> None:
    one = seen(app.stores)
    left, given_up, edited = (approved(app, one.candidate) for _ in range(3))
    assert making.run(app)["made"] == 6
    with app.stores.db.begin() as db:
        moved(db, left, "sent")
        moved(db, given_up, "given up")
        letter = letters.find(db, edited)
        assert letter is not None
        again = Written(letter.recipient, "uk", "s", "b", False, (one.candidate,), revises=edited)
        letters.write(db, again, "ann")
        keys = {(of, file.format): file.key for of in (left, given_up, edited) for file in letters.files(db, of)}
    assert making.run(app) == {"made": 1, "failed": 0}
    there = {of for of, key in keys.items() if app.stores.objects.exists(EXPORT, key)}
    assert there == {(left, LetterFormat.PDF), (left, LetterFormat.DOCX)}
    with app.stores.db.begin() as db:
        expired = [event for event in custody.events(db) if event.action == Action.EXPIRED]
        assert not work.ready(db, letters.OVER)
    gone = {event.subject: str(event.detail["files"]) for event in expired}
    assert set(gone) == {f"letter:{of}" for of in (left, given_up, edited)}
    assert ["pdf" in gone[f"letter:{of}"] for of in (left, given_up, edited)] == [False, True, True]


def test_packages_go_with_it_where_they_are_asked_for_one_of_each_recording(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = seen(app.stores, "26-1"), seen(app.stores, "26-2")
    beside = seen(app.stores, "26-3", at_track=one)
    told: list[tuple[str, ...]] = []

    def package(app: App, written: str, to: Path, recipient: str, reason: str) -> Handed:
        """In place of the real one, which the browser's test of a package makes."""
        told.append((app.actor, written, recipient, reason))
        to.mkdir()
        (to / "file").write_bytes(written.encode())
        return Handed(f"E{len(told)}", "a" * 64, 1, 4, 1, 0, "key")

    monkeypatch.setattr(export, "export", package)
    made = approved(app, one.candidate, two.candidate, beside.candidate, package=True)
    assert making.run(app)["made"] == 2
    reason = f"annex of letter {made}"
    each = (f"candidate:{one.candidate},{beside.candidate}", f"candidate:{two.candidate}")
    assert told == [("bob", about, "Агентство з розшуку", reason) for about in each]
    with zipfile.ZipFile(io.BytesIO(files(app, made)[LetterFormat.PACKAGE])) as parts:
        assert parts.namelist() == ["evidence-E1/file", "evidence-E2/file"]
    made_ = files(app, made)
    whole = hashlib.sha256(made_[LetterFormat.PACKAGE]).hexdigest()
    for text in ("".join(words(made_[LetterFormat.PDF])), spelt(made_[LetterFormat.DOCX])):
        assert all(told_ in text for told_ in ("E1", "E2", "a" * 64, whole, "Ключ журналу", "key"))
        assert (text.count("E1"), text.count("E2")) == (3, 2), "each package once, and at each of its sightings"


def test_a_file_that_was_given_up_is_made_once_its_cause_is_mended(app: App) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    assert making.asked(app, draft=True).run()["made"] == 1
    away = ObjectStore("127.0.0.1:9", "a", "b", secure=False, bucket_prefix="t-")
    without = replace(app, stores=Stores(app.stores.db, away))
    for _ in range(app.settings.transient_limit):
        rested(app)
        assert making.asked(without, draft=False).run()["failed"] == 1
    away.close()
    with app.stores.db.begin() as db:
        (wait,) = letters.waits(db, made)
    assert (wait.recipe, wait.state) == ("final", "failed") and "did not answer" in str(wait.why)
    rested(app)
    assert making.run(app) == {"made": 0, "failed": 0} and making.due(app) == 0
    assert making.due(app, retry=True) == 1
    assert making.run(app, retry=True) == {"made": 1, "failed": 0}
    first = files(app, made)
    assert set(first) == {LetterFormat.DRAFT, LetterFormat.PDF, LetterFormat.DOCX}
    assert making.run(app, retry=True) == {"made": 0, "failed": 0}, "what was made is not made twice"
    assert files(app, made) == first
    with app.stores.db.begin() as db:
        assert letters.ask_again(db, made) == []
        (told,) = [event for event in custody.events(db) if event.action == Action.ASKED_FOR]
    assert (told.actor, told.subject, told.detail["files"]) == ("worker", f"letter:{made}", ["final"])


def rested(app: App) -> None:
    """The time until the next try is over, and that of whoever held it."""
    with app.stores.db.begin() as db:
        db.execute(statement("UPDATE work SET ready_at = now() WHERE step = 'letter' AND state = 'open'"))


def test_nothing_is_made_again_that_would_not_be_made_now(app: App) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    with app.stores.db.begin() as db:
        moved(db, made, "refused")
    assert making.run(app)["failed"] == 1
    with app.stores.db.begin() as db:
        assert [each.outcome for each in letters.waits(db, made)] == ["SKIPPED"]
        assert letters.ask_again(db, made) == []
    assert making.run(app, retry=True) == {"made": 0, "failed": 0}


def test_what_a_killed_worker_stored_and_did_not_record_goes_and_nothing_else(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    assert making.asked(app, draft=True).run()["made"] == 1
    (draft,) = keys(app)
    with app.stores.db.begin() as db:
        assert letters.held(db, made) is not None
        Office(app.settings, app.stores).kill_during(lambda: len(keys(app)) == 3, "letters", "make")
    monkeypatch.setattr(packing, "UNRECORDED", timedelta(days=-1))
    making.run(app)
    assert len(keys(app)) == 3, "somebody may be about to record them: their lease is not over"
    with app.stores.db.begin() as db:
        moved(db, made, "refused")
    rested(app)
    monkeypatch.setattr(packing, "UNRECORDED", timedelta(days=1))
    making.run(app)
    assert len(keys(app)) == 3, "they are young"
    monkeypatch.setattr(packing, "UNRECORDED", timedelta(days=-1))
    making.run(app)
    assert keys(app) == [draft]


def test_what_a_killed_worker_stored_is_recorded_by_the_next_one(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    with app.stores.db.begin() as db:
        assert letters.held(db, made) is not None
        Office(app.settings, app.stores).kill_during(lambda: len(keys(app)) == 1, "letters", "make")
    monkeypatch.setattr(packing, "UNRECORDED", timedelta(days=-1))
    rested(app)
    assert making.run(app)["made"] == 2
    assert set(files(app, made)) == {LetterFormat.DRAFT, LetterFormat.PDF, LetterFormat.DOCX}
    with app.stores.db.begin() as db:
        assert set(keys(app)) == letters.file_keys(db)


def keys(app: App) -> list[str]:
    """Of files of letters that lie in the bucket."""
    return list(app.stores.objects.keys(EXPORT, making.FOLDER))


def test_a_still_that_is_gone_is_said_to_be(app: App) -> None:
    one = seen(app.stores)
    made = approved(app, one.candidate)
    with app.stores.db.begin() as db:
        letter = letters.find(db, made)
        assert letter is not None
        said = contents.gather(db, letter)
    key = said.cases[0][0].still_key
    assert key is not None
    app.stores.objects.erase("derived", key)
    assert making.run(app)["made"] == 2
    assert "Кадру цього моменту не збережено." in "".join(words(files(app, made)[LetterFormat.PDF])).replace("\n", " ")
