"""Letters on the pages: written, edited, confirmed, approved by another officer, sent, answered; and who sees what."""

import html
import re
from datetime import timedelta
from pathlib import Path

import pytest

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.letters import LetterKind, LetterState
from lastseen.outcomes import Fault
from lastseen.records import PersonStatus, Says
from lastseen.settings import Settings
from pipeline.app import App
from pipeline.letters import making
from review.roles import Role
from storage import group_cases, letter_book, letters, statements, tellings, work
from storage.custody import Action
from storage.letters import Letter, Written
from tests.review.conftest import Browser, Site
from tests.review.test_api import program, refused
from tests.storage.judged import account
from tests.storage.lettered import (
    FORM,
    confirmed,
    lost,
    moved,
    officer,
    recipient,
    seen,
    sent,
    with_files,
    written,
)  # fmt: skip

HOSTILE = '</textarea><script>alert(1)</script> ⟦{{office}}⟧ "&amp;'
TODAY = utcnow().date()


def as_officer(site: Site, name: str) -> Browser:
    with site.stores.db.begin() as db:
        user = officer(db, name)
    return site.as_user(user)


def found(site: Site, letter: int) -> Letter:
    with site.stores.db.begin() as db:
        one = letters.find(db, letter)
    assert one is not None
    return one


def drafted(page: str) -> dict[str, str]:
    """Subject and body as the form on a page holds them."""
    subject = re.search(r'name="subject" value="([^"]*)"', page)
    body = re.search(r'<textarea id="body"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    assert subject is not None and body is not None
    return {"subject": html.unescape(subject[1]), "body": html.unescape(body[1])}


def test_from_a_possible_sighting_to_an_answer_that_sets_a_status(site: Site, settings: Settings) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        to = recipient(db)
    ann, bob = as_officer(site, "ann"), as_officer(site, "bob")
    assert f'href="/letters/new?sightings={one.candidate}"' in ann.get(f"/sightings/{one.candidate}").text
    draft = drafted(ann.get("/letters/new", params={"sightings": one.candidate, "recipient": to}).text)
    assert f"⟦{FORM}⟧" in draft["body"] and "26-1" in draft["body"]
    kept = ann.submit("/letters", sightings=str(one.candidate), recipient=str(to), **draft)
    assert kept.status_code == 303
    address = kept.headers["location"]
    id_ = int(address.rpartition("/")[2])
    page = ann.get(address).text
    assert f"<mark>{FORM}</mark>" in page and "⟦" not in page
    assert ann.submit(f"{address}/move", event="offered").status_code == 422
    assert ann.submit(f"{address}/confirm").status_code == 422, "nothing was ticked"
    forms = re.findall(r'name="(form[.]\d+)" value="([^"]*)"', ann.get(address).text)
    assert ann.submit(f"{address}/confirm", **{name: html.unescape(form) for name, form in forms}).status_code == 303
    assert ann.submit(f"{address}/move", event="offered").status_code == 303
    assert "another officer has to read it" in ann.submit(f"{address}/move", event="approved").text
    making.run(App(settings, site.stores, None, None, "worker"))  # type: ignore[arg-type]  # what it takes of it
    assert ann.get(f"/letter-files/{id_}/draft").status_code == 200
    assert ann.get(f"/letter-files/{id_}/pdf").status_code == 404
    assert bob.submit(f"{address}/move", event="approved").status_code == 303
    making.run(App(settings, site.stores, None, None, "worker"))  # type: ignore[arg-type]
    fetched = bob.get(f"/letter-files/{id_}/pdf")
    assert fetched.content.startswith(b"%PDF") and f'letter-{id_}.pdf"' in fetched.headers["content-disposition"]
    assert bob.get(f"/letter-files/{id_}/docx").content.startswith(b"PK")
    assert bob.submit(f"{address}/move", event="sent", dated=str(TODAY), note="post 17").status_code == 303
    answer = {
        "event": "answered", "dated": str(TODAY), "note": "reply 4/26", f"says.{one.person}": "captive",
        f"sets.{one.person}": "on", f"since.{one.person}": "2026-02-01",
    }  # fmt: skip
    assert bob.submit(f"{address}/move", **answer).status_code == 303
    with site.stores.db.begin() as db:
        (stated,) = statements.of_person(db, one.person)
    assert (stated.says, stated.status, stated.letter) == (Says.CAPTIVE, PersonStatus.CAPTIVE, id_)
    assert (stated.body, stated.entered_by, str(stated.since)) == ("Агентство з розшуку", "bob", "2026-02-01")
    assert "captive" in bob.get(address).text and found(site, id_).state is LetterState.ANSWERED
    acts = [event.action for event in site.log() if event.subject == f"letter:{id_}"]
    assert acts.count(Action.DOWNLOADED) == 3 and Action.LETTER_WRITTEN in acts
    assert not any(word in str(site.log()) for word in ("Шевченк", "reply 4/26", "post 17"))


def test_what_was_given_up_is_asked_for_again_on_the_page_and_only_then(site: Site, settings: Settings) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        made = written(db, one.candidate)
        (held,) = [work.claim(db, letters.DRAFT, timedelta(minutes=5))]
        assert held is not None
        work.fail(db, held, Fault.DEFECT, "a font is missing", timedelta(), None, 5)
    ann, address = as_officer(site, "ann"), f"/letters/{made}"
    page = ann.get(address).text
    assert "a font is missing" in page and "Make what is missing" in page
    assert ann.submit(f"{address}/make").status_code == 303
    assert "Make what is missing" not in ann.get(address).text
    again = ann.submit(f"{address}/make")
    assert again.status_code == 422 and "load its page again" in again.text
    assert making.run(App(settings, site.stores, None, None, "worker"))["made"] == 1  # type: ignore[arg-type]
    assert ann.get(f"/letter-files/{made}/draft").status_code == 200
    (asked,) = [event for event in site.log() if event.action == Action.ASKED_FOR]
    assert (asked.actor, asked.subject) == ("ann", f"letter:{made}")


def test_editing_makes_another_letter_that_keeps_what_was_confirmed(site: Site) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        made = written(db, one.candidate, body=f"⟦{FORM}⟧ та ⟦?Лев⟧")
    ann = as_officer(site, "ann")
    ann.submit(f"/letters/{made}/confirm", **{"form.0": FORM})
    draft = drafted(ann.get(f"/letters/{made}/edit").text)
    assert draft["body"] == f"{FORM} та ⟦?Лев⟧"
    kept = ann.submit(f"/letters/{made}/edit", subject=draft["subject"], body=f"{FORM} та Лева")
    new = found(site, int(kept.headers["location"].rpartition("/")[2]))
    assert (new.revises, new.body) == (made, f"{FORM} та Лева") and found(site, made).state is LetterState.REVISED
    assert ann.get(f"/letters/{made}/edit").status_code == 404
    assert ann.submit(f"/letters/{made}/edit", subject="s", body="b").status_code == 404


def test_a_sighting_that_fell_blocks_a_letter_and_is_left_out_of_the_next(site: Site) -> None:
    one, two = seen(site.stores, "26-1"), seen(site.stores, "26-2")
    with site.stores.db.begin() as db:
        waiting, gone = written(db, one.candidate, two.candidate), sent(db, one.candidate)
    with site.stores.db.begin() as db:
        lost(db, one.candidate)
    ann = as_officer(site, "ann")
    assert "Blocked:" in ann.get(f"/letters/{waiting}").text
    assert "has to be told again" in ann.get(f"/letters/{gone}").text
    assert f"/letters/{gone}" in ann.get("/letters", params={"show": "again"}).text
    kept = ann.submit(f"/letters/{waiting}/edit", subject="s", body="b")
    new = int(kept.headers["location"].rpartition("/")[2])
    with site.stores.db.begin() as db:
        assert letters.candidates(db, new) == (two.candidate,)
    told = ann.get("/letters/new", params={"sightings": f"{one.candidate} {two.candidate}"}).text
    assert f"are left out: {one.candidate}" in told


def test_an_approval_that_is_taken_back_takes_the_files_back(site: Site) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        made = written(db, one.candidate, body="plain")
        moved(db, made, "offered", "approved")
    bob, cora = as_officer(site, "bob"), as_officer(site, "cora")
    making.run(App(Settings(), site.stores, None, None, "worker"))  # type: ignore[arg-type]
    assert bob.get(f"/letter-files/{made}/pdf").status_code == 200
    assert cora.submit(f"/letters/{made}/move", event="refused", note="the name is wrong").status_code == 303
    assert bob.get(f"/letter-files/{made}/pdf").status_code == 404
    assert "the name is wrong" in bob.get(f"/letters/{made}").text


def test_the_clerk_is_asked_how_a_name_declines_where_nothing_tells(site: Site) -> None:
    one = seen(site.stores, "26-9", "Оксана Шевченко")
    with site.stores.db.begin() as db:
        to = recipient(db)
    ann = as_officer(site, "ann")
    asked = {"sightings": one.candidate, "recipient": to}
    page = ann.get("/letters/new", params=asked).text
    assert f'name="sex.{one.person}"' in page and "⟦?Оксана Шевченко⟧" in page
    told = ann.get("/letters/new", params={**asked, f"sex.{one.person}": "woman"}).text
    assert "⟦Оксани Шевченко⟧" in told


def test_hostile_names_and_texts_stay_text(site: Site) -> None:
    one = seen(site.stores, "26-<b>", HOSTILE)
    with site.stores.db.begin() as db:
        to = recipient(db, "en")
    ann = as_officer(site, "ann")
    page = ann.get("/letters/new", params={"sightings": one.candidate, "recipient": to}).text
    assert "<script>alert" not in page and "alert(1)" in page
    kept = ann.submit("/letters", sightings=str(one.candidate), recipient=str(to), subject=HOSTILE, body=HOSTILE)
    shown = ann.get(kept.headers["location"]).text
    assert "<script>alert" not in shown and "{{office}}" in shown


def test_recipients_are_added_and_retire(site: Site) -> None:
    ann = as_officer(site, "ann")
    fields = {"kind": "police", "name": "Police <1>", "address": "Kyiv\nStreet", "language": "en", "days": "14"}
    assert ann.submit("/letters/recipients", **fields).status_code == 303
    assert "Police &lt;1&gt;" in ann.get("/letters/recipients").text
    wrong = ann.submit("/letters/recipients", **{**fields, "days": "soon"})
    assert wrong.status_code == 422 and "as a number" in wrong.text and 'value="soon"' in wrong.text
    with site.stores.db.begin() as db:
        (one,) = letter_book.recipients(db)
    assert ann.submit(f"/letters/recipients/{one.id}/retire").status_code == 303
    assert ann.submit(f"/letters/recipients/{one.id}/retire").status_code == 409
    assert "Police" not in ann.get("/letters/new").text


def test_a_template_is_edited_or_says_where_it_is_wrong(site: Site) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        to = recipient(db)
    ann = as_officer(site, "ann")
    address = "/letters/templates/icrc/uk"
    wrong = ann.submit(address, subject="Тема", body="перший\n{{person.shoe size}}")
    assert (
        wrong.status_code == 422 and "person.shoe size: line 2" in wrong.text and "{{person.shoe size}}" in wrong.text
    )
    assert ann.submit(address, subject="Тема", body="Про {{people.names.accusative}}").status_code == 303
    assert "ann" in ann.get("/letters/templates").text
    asked = {"sightings": one.candidate, "recipient": to}
    assert drafted(ann.get("/letters/new", params=asked).text) == {"subject": "Тема", "body": f"Про ⟦{FORM}⟧"}


def test_whoever_reads_a_letter_is_told_of_its_people_and_the_list_names_nobody(site: Site) -> None:
    one = seen(site.stores, "HC-7001")
    with site.stores.db.begin() as db:
        made = written(db, one.candidate)
        senior = account(db, "sonja", Role.SENIOR)
    browser = site.as_user(senior)
    page = browser.get("/letters").text
    assert f"/letters/{made}" in page and "Шевченко" not in page and "HC-7001" not in page
    with site.stores.db.begin() as db:
        assert not tellings.was_told(db, senior, one.candidate)
    assert browser.get(f"/letters/{made}").status_code == 200
    with site.stores.db.begin() as db:
        assert tellings.was_told(db, senior, one.candidate)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.REGISTER_KEEPER, Role.COLLECTOR, Role.AUDITOR])
def test_letters_are_for_officers(site: Site, role: Role) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        made = written(db, one.candidate)
    browser = site.signed_in(role)
    for path in ("/letters", f"/letters/{made}", "/letters/new", f"/letter-files/{made}/draft"):
        assert browser.get(path).status_code == 403


def test_an_answer_that_is_late_is_shown(site: Site) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        late = sent(db, one.candidate, days=3, dated=TODAY - timedelta(days=9))
    ann = as_officer(site, "ann")
    assert "The answer is overdue." in ann.get(f"/letters/{late}").text
    assert f"/letters/{late}" in ann.get("/letters", params={"show": "overdue"}).text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"event": "sent", "dated": "tomorrow", "note": "x"}, "is no day"),
        ({"event": "confirmed"}, "Nothing of that kind"),
        ({"event": "cat"}, "Nothing of that kind"),
        ({"event": "given up", "note": "x" * 4001}, "too long"),
        ({"event": "given up", "note": " "}, "Say why"),
    ],
)
def test_what_is_filled_in_wrongly_is_said(site: Site, fields: dict[str, str], why: str) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        made = written(db, one.candidate)
    answer = as_officer(site, "ann").submit(f"/letters/{made}/move", **fields)
    assert answer.status_code == 422 and why in answer.text
    assert Path(answer.url.path).name == "move"


def test_an_answer_says_nothing_of_a_day_that_is_still_to_come(site: Site) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        made = sent(db, one.candidate)
    said = {"event": "answered", "dated": str(TODAY), "note": "26/1", f"says.{one.person}": "captive"}
    answer = as_officer(site, "ann").submit(f"/letters/{made}/move", **said, **{f"since.{one.person}": "2999-01-31"})
    assert answer.status_code == 422 and "2999-01-31 is still to come" in answer.text
    assert found(site, made).state is LetterState.SENT


def test_a_program_reads_a_letter_and_writes_down_what_became_of_it_but_approves_nothing(site: Site) -> None:
    one = seen(site.stores, "HC-7002")
    with site.stores.db.begin() as db:
        made = written(db, one.candidate, body=f"Про ⟦{FORM}⟧")
    program_ = program(site, "ann", Role.CASE_OFFICER)
    (row,) = program_.see("/letters?show=unsent")["rows"]
    assert (row["id"], row["state"], row["people"]) == (made, "written", 1) and "HC-7002" not in str(row)
    told = program_.see(f"/letters/{made}")
    assert (told["about"], told["candidates"], told["to_confirm"]) == (["HC-7002"], [one.candidate], [FORM])
    assert told["body"] == f"Про {FORM}"
    events = f"/letters/{made}/events"
    assert "nobody has confirmed" in refused(program_.do(events, {"event": "offered"}), 409).detail
    with site.stores.db.begin() as db:
        confirmed(db, made)
    assert program_.do(events, {"event": "offered"}).json()["state"] == "offered"
    for event in ("approved", "refused", "confirmed"):
        assert "for the pages" in refused(program_.do(events, {"event": event, "note": "x"}), 409).detail
    with site.stores.db.begin() as db:
        moved(db, made, "approved")
        with_files(db, made)
    assert "on which day" in refused(program_.do(events, {"event": "sent", "note": "post 1"}), 409).detail
    sent_ = program_.do(events, {"event": "sent", "note": "post 1", "dated": str(TODAY)}).json()
    assert (sent_["state"], sent_["sent_on"], sent_["overdue"]) == ("sent", str(TODAY), False)
    assert {file["format"] for file in sent_["files"]} == {"docx", "pdf"}
    acts = [event.action for event in site.log() if event.subject == f"letter:{made}"]
    assert acts.count(Action.VIEWED) == 3 and Action.LETTER_MOVED in acts


def test_a_template_that_this_version_cannot_fill_gives_way_to_the_shipped_one_and_says_so(site: Site) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        to = recipient(db)
        letter_book.keep(db, LetterKind.ICRC, "uk", "Тема", "{{person.of.an.older.version}}", "ann")
    page = as_officer(site, "ann").get("/letters/new", params={"sightings": one.candidate, "recipient": to}).text
    assert "person.of.an.older.version: line 1" in page and f"⟦{FORM}⟧" in drafted(page)["body"]


def test_a_letter_of_a_case_says_how_many_the_recordings_show(site: Site) -> None:
    one = seen(site.stores, "26-1")
    with site.stores.db.begin() as db:
        to = recipient(db, "en")
        case, _ = group_cases.open_(db, one.blob, "Yard", "taken together", "ann")
        group_cases.count(db, case, 27, "by eye", "ann")
    ann = as_officer(site, "ann")
    page = ann.get("/letters/new", params={"case": case, "recipient": to}).text
    draft = drafted(page)
    assert "The recordings show 27 people together" in draft["body"] and "26-1" in draft["body"]
    kept = ann.submit("/letters", sightings=str(one.candidate), recipient=str(to), case=str(case), **draft)
    made = int(kept.headers["location"].rpartition("/")[2])
    with site.stores.db.begin() as db:
        (told,) = group_cases.of(db, case).letters
    assert (told.id, found(site, made).case) == (made, case)


def test_whom_nobody_writes_to_any_more_gets_no_new_letter(site: Site) -> None:
    one = seen(site.stores)
    with site.stores.db.begin() as db:
        to = recipient(db)
        letter_book.retire(db, to, "ann")
        with pytest.raises(WrongUse, match="not in the address book"):
            letters.write(db, Written(to, "uk", "s", "b", False, (one.candidate,)), "ann")
        with pytest.raises(WrongUse, match="not in the address book"):
            letters.write(db, Written(999, "uk", "s", "b", False, (one.candidate,)), "ann")
    answer = as_officer(site, "ann").submit(
        "/letters", sightings=str(one.candidate), recipient=str(to), subject="s", body="my own words"
    )
    assert answer.status_code == 422 and "Say to whom it goes" in answer.text
