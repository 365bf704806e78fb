"""The page that hands people out, and the one file of everything on one: officers only, recorded, and told."""

import base64
import hashlib
import io
import json
import zipfile

from review.roles import Role
from storage import tellings
from storage.custody import Action
from tests.review.conftest import Site
from tests.review.seeding import Story, seed
from tests.review.test_api import program, refused
from tests.storage.judged import account, conclude

FORM = {"receiver": "CTA", "purpose": "tracing", "right": "Article 123", "format": "pfif"}


def test_an_officer_gets_the_file_and_the_log_says_so_first(site: Site) -> None:
    made = seed(site.stores, Story(number="HC-1/ї", names=("Ada Example",)))
    with site.stores.db.begin() as db:
        conclude(db, made.candidate, 3, 3)
    browser = site.signed_in(Role.CASE_OFFICER)
    assert "HC-1/ї" in browser.get("/exchange", params={"number": "HC-1/ї"}).text
    answer = browser.submit("/exchange", **FORM, numbers="HC-1/ї\n")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.headers["content-disposition"].startswith('attachment; filename="lastseen-pfif-')
    assert "Ada Example" in answer.text
    event = site.log()[-1]
    assert (event.action, event.subject, event.reason) == (Action.EXPORTED, f"person:{made.person}", "tracing")


def test_what_is_wrong_is_said_beside_what_was_written(site: Site) -> None:
    seed(site.stores, Story(number="HC-1"))
    browser = site.signed_in(Role.CASE_OFFICER)
    for more, said in (
        ({}, "Say whom it is about"),
        ({"numbers": "nobody"}, "no entry nobody"),
        ({"everybody": "on", "purpose": ""}, "what it is handed out for"),
        ({"everybody": "on", "since": "tomorrow"}, "“tomorrow” is no day"),
    ):
        answer = browser.submit("/exchange", **{**FORM, **more})
        assert answer.status_code == 422
        assert said in answer.text
        assert 'value="CTA"' in answer.text
    assert browser.submit("/exchange", **{**FORM, "format": "exe", "everybody": "on"}).status_code == 400
    assert browser.submit("/exchange", **{**FORM, "status": "withdrawn"}).status_code == 400
    assert [event for event in site.log() if event.action == Action.EXPORTED] == []


def test_a_senior_who_hands_somebody_out_is_not_asked_about_them_any_more(site: Site) -> None:
    made, other = seed(site.stores, Story(number="HC-1")), seed(site.stores, Story(number="HC-2"))
    with site.stores.db.begin() as db:
        carol = account(db, "carol", Role.SENIOR)
    browser = site.as_user(carol)
    assert "is not asked about that person any more" in browser.get("/exchange").text
    assert browser.submit("/exchange", **FORM, numbers="HC-1").status_code == 200
    with site.stores.db.begin() as db:
        assert tellings.was_told(db, carol, made.candidate)
        assert not tellings.was_told(db, carol, other.candidate)


def test_everything_on_one_person_is_fetched_with_a_reason(site: Site) -> None:
    made = seed(site.stores, Story(number="HC-1/7 ї", names=("Ada Example",)))
    with site.stores.db.begin() as db:
        carol = account(db, "carol", Role.SENIOR)
    browser = site.as_user(carol)
    assert browser.submit("/people/HC-1%2F7%20ї/file", reason=" ").status_code == 422
    answer = browser.submit("/people/HC-1%2F7%20ї/file", reason="she asks")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert json.loads(archive.read("data.json"))["person"] == "HC-1/7 ї"
    event = site.log()[-1]
    assert (event.action, event.subject, event.reason) == (Action.EXPORTED, f"person:{made.person}", "she asks")
    with site.stores.db.begin() as db:
        assert tellings.was_told(db, carol, made.candidate)


def test_others_are_turned_away_and_see_no_way_there(site: Site) -> None:
    seed(site.stores, Story(number="HC-1"))
    for role in (Role.ANALYST, Role.REGISTER_KEEPER, Role.AUDITOR, Role.ADMINISTRATOR, Role.COLLECTOR):
        browser = site.signed_in(role)
        assert browser.get("/exchange").status_code == 403
        assert browser.submit("/exchange", **FORM, everybody="on").status_code == 403
        assert browser.submit("/people/HC-1/file", reason="x").status_code == 403
    page = site.signed_in(Role.REGISTER_KEEPER).get("/people/HC-1").text
    assert "/exchange" not in page
    assert "/exchange" in site.signed_in(Role.CASE_OFFICER).get("/people/HC-1").text


def test_a_program_gets_the_same_file_and_is_held_to_the_same_rules(site: Site) -> None:
    made = seed(site.stores, Story(number="HC-1", names=("Ada Example",)))
    form = {"receiver": "CTA", "purpose": "tracing", "right": "Article 123", "format": "ftm"}
    officer = program(site, "olga", Role.CASE_OFFICER)
    answer = officer.do("/exchange", {**form, "numbers": ["HC-1"], "status": "missing"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    content = base64.b64decode(told["content"])
    assert hashlib.sha256(content).hexdigest() == told["sha256"] == site.log()[-1].detail["sha256"]
    assert (told["media_type"], b"Ada Example" in content) == ("application/jsonl", True)
    assert refused(officer.do("/exchange", {**form, "numbers": ["no"]}), 409).detail == "The register has no entry no."
    assert officer.do("/exchange", {**form, "numbers": ["HC-1"], "right": ""}).status_code == 422
    senior = program(site, "carol", Role.SENIOR)
    assert "not by what was said" in str(refused(senior.do("/exchange", {**form, "status": "missing"}), 409).detail)
    assert refused(senior.do("/exchange", {**form, "numbers": ["HC-1"], "purpose": " "}), 409).status == 409
    with site.stores.db.begin() as db:
        assert tellings.was_told(db, senior.user, made.candidate), "who names somebody is told of them"
    assert program(site, "ada", Role.ANALYST).do("/exchange", form).status_code == 403
