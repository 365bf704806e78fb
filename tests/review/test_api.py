"""The API as a program uses it: the same way, rules and blindness as on the pages."""

import json
from typing import Any

import httpx
import pytest

from review.doors import LONGEST_FORM, TOKEN_HEADER
from review.problems import MEDIA_TYPE, Problem
from review.roles import Role
from storage import accounts
from storage.accounts import User
from tests.review.conftest import DEADLINE, KEEPS, Browser, Site
from tests.review.seeding import Story, seed
from tests.review.things import sighting
from tests.storage.judged import conclude

V1 = "/api/v1"
YES: dict[str, Any] = {"answer": 3, "features": {"ears": {"comparison": "similar"}}}
SEES: dict[str, Any] = {"features": {"ears": {"note": "attached lobe"}}}


class Program(Browser):
    """A program with a token."""

    user: User

    def do(self, path: str, body: object = None) -> httpx.Response:
        """Post JSON."""
        return self.post(V1 + path, json={} if body is None else body)

    def see(self, path: str) -> Any:
        """What a GET gives."""
        answer = self.get(V1 + path)
        assert answer.status_code == 200, answer.text
        return answer.json()


def program(site: Site, name: str, *roles: Role, lent: tuple[Role, ...] = ()) -> Program:
    """A new account's; `lent`: the token's roles, if not all."""
    with site.stores.db.begin() as db:
        user = accounts.add_user(db, name, None, roles)
        token = accounts.make_token(db, user, "test", lent or roles)
    headers = {"Authorization": f"Bearer {token}"}
    made = site.visited_by(Program(base_url=site.url, headers=headers, trust_env=False, timeout=DEADLINE, limits=KEEPS))
    made.user = user
    return made


def refused(answer: httpx.Response, status: int) -> Problem:
    """A problem of this status, as it should be told."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text
    told = Problem.model_validate_json(answer.content)
    assert told.status == status
    assert told.detail
    return told


def answers(who: Program, body: object = YES) -> Any:
    """Take, describe, answer: the whole way.  Returns what comes after it."""
    taken = who.do("/reviews").json()["review"]
    assert who.do(f"/reviews/{taken['token']}/description", SEES).status_code == 200
    done = who.do(f"/reviews/{taken['token']}/answer", body)
    assert done.status_code == 200, done.text
    return done.json()


def test_two_programs_come_to_a_sighting_and_it_is_handed_over(site: Site) -> None:
    found = seed(site.stores)
    ada, ben, eve = (program(site, name, Role.ANALYST) for name in ("ada", "ben", "eve"))
    assert ada.see("/queue")["faces"] == 1
    assert answers(ada)["next"] == {"review": None, "why": "empty"}
    assert ada.see(f"/candidates/{found.candidate}")["showing"] == "own"
    assert answers(ben)["answer"]["undo_seconds"] > 0
    record = eve.see(f"/candidates/{found.candidate}")
    assert (record["state"], record["showing"]) == ("sighting", "whole")
    assert [one["answer"] for one in record["record"]["judgements"]] == [3, 3]
    senior = program(site, "sue", Role.SENIOR)
    assert senior.see("/sightings")["rows"][0]["id"] == found.candidate
    made = senior.do(f"/sightings/{found.candidate}/hand-overs", {"receiver": "Officer 7"})
    assert (made.status_code, made.json()["handed_by"]) == (201, "sue")
    assert senior.see("/people/HC-0001")["moments"][0]["receiver"] == "Officer 7"
    said = [event.action for event in site.log() if event.actor == "ben"]
    assert said == ["took up", "described", "judged"]


def test_nothing_is_told_before_the_answer(site: Site) -> None:
    """Neither who is looked for, nor how near they are, nor what others said, nor which candidate it is."""
    found = seed(site.stores, Story(number="26-77777", names=("Xenia Nobody",), text="Xenia Nobody was seen"))
    ada, ben = program(site, "ada", Role.ANALYST), program(site, "ben", Role.ANALYST)
    answers(ada)
    taken = ben.do("/reviews").json()["review"]
    told = [
        json.dumps(taken),
        ben.get(f"{V1}/reviews/{taken['token']}").text,
        ben.get(f"{V1}/queue").text,
        ben.get(f"{V1}/candidates/{found.candidate}").text,
        ben.get(f"{V1}/videos/{found.blob}/roll-call").text,
        ben.get(f"{V1}/me").text,
    ]
    for text in told:
        for secret in ("26-77777", "Xenia", "0.43", "4180", '"ada"', '"answer"', "triage"):
            assert secret not in text
    assert set(taken) == {
        *("token", "ends_at", "described", "features", "note", "warned", "shots", "photos", "still", "clip"),
    }
    assert ben.see(f"/candidates/{found.candidate}") == {
        "id": found.candidate,
        "state": "open",
        "showing": "not yet",
        "record": None,
    }


def test_the_photos_come_after_the_description_and_a_token_opens_pictures(site: Site) -> None:
    seed(site.stores)
    ada = program(site, "ada", Role.ANALYST)
    taken = ada.do("/reviews").json()["review"]
    here = f"/reviews/{taken['token']}"
    assert taken["photos"] == []
    refused(ada.do(f"{here}/answer", YES), 409)
    described = ada.do(f"{here}/description", SEES).json()
    assert ada.get(described["photos"][0]).headers["content-type"] == "image/jpeg"
    assert ada.get(described["shots"][0]["address"]).status_code == 200
    refused(ada.do(f"{here}/description", SEES), 409)
    assert ada.get("/").status_code == 303, "a token opens no page"
    assert site.browser(Authorization="Bearer nobody's").get(described["photos"][0]).status_code == 403


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"answer": None}, "reason"),
        ({"answer": -3}, "features"),
        ({"answer": 3}, "features"),
        ({"answer": 1, "features": {"ears": {"comparison": "different"}}}, "answer"),
        ({"answer": 4}, "answer"),
        ({"answer": 1.5}, "answer"),
        ({}, "answer"),
        ({"answer": 1, "score": 3}, "score"),
        ({"answer": 1, "reason": "a\0b"}, "reason"),
        ({"answer": 1, "features": {"soul": {"comparison": "similar"}}}, "features.soul.[key]"),
    ],
)
def test_what_is_no_answer_is_refused_and_said_where(site: Site, body: dict[str, Any], where: str) -> None:
    seed(site.stores)
    ada = program(site, "ada", Role.ANALYST)
    here = f"/reviews/{ada.do('/reviews').json()['review']['token']}"
    ada.do(f"{here}/description", SEES)
    assert [one.where for one in refused(ada.do(f"{here}/answer", body), 422).errors] == [where]
    assert ada.see("/judgements")["answers"] == []


def test_an_answer_is_taken_back_within_its_minute_and_given_anew(site: Site) -> None:
    seed(site.stores)
    ada = program(site, "ada", Role.ANALYST)
    token = answers(ada)["answer"]["token"]
    again = ada.do(f"/reviews/{token}/undo").json()["review"]
    assert again["described"]
    assert ada.do(f"/reviews/{again['token']}/answer", {"answer": 0}).status_code == 200
    assert [(one["answer"], one["instead"]) for one in ada.see("/judgements")["answers"]] == [(0, ""), (3, "undone")]
    refused(ada.do(f"/reviews/{token}/undo"), 409)
    ben = program(site, "ben", Role.ANALYST)
    refused(ben.do(f"/reviews/{token}/undo"), 404)


def test_a_token_has_the_roles_that_were_lent_to_it_and_no_others(site: Site) -> None:
    lent = program(site, "sue", Role.SENIOR, Role.AUDITOR, lent=(Role.AUDITOR,))
    assert lent.see("/me")["roles"] == ["auditor"]
    assert lent.see("/log")["head"] >= 0
    refused(lent.get(f"{V1}/queue"), 403)
    with site.stores.db.begin() as db:
        (token,) = accounts.tokens(db, lent.user)
        accounts.revoke_token(db, token.id)
    answer = lent.get(f"{V1}/me")
    refused(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_whoever_may_judge_reads_the_log_without_what_is_said_in_reviews(site: Site) -> None:
    seed(site.stores)
    answers(program(site, "ada", Role.ANALYST))
    both = program(site, "sue", Role.SENIOR, Role.AUDITOR).see("/log?action=judged")["events"]
    alone = program(site, "joe", Role.AUDITOR).see("/log?action=judged")["events"]
    assert (both, alone[0]["detail"]["answer"]) == ([], 3)


def test_a_script_in_a_browser_shows_that_it_is_ours(site: Site) -> None:
    analyst = site.signed_in(Role.ANALYST)
    assert analyst.get(f"{V1}/me").json()["roles"] == ["analyst"]
    assert analyst.tell(f"{V1}/pause", {}).status_code == 204
    told = refused(analyst.post(f"{V1}/pause/end", json={}), 403)
    assert TOKEN_HEADER in told.detail
    refused(analyst.post(f"{V1}/pause/end", json={}, headers={TOKEN_HEADER: "0" * 64}), 403)
    assert analyst.get(f"{V1}/me").json()["today"]["paused"]


def test_what_cannot_be_read_is_said(site: Site) -> None:
    ada = program(site, "ada", Role.ANALYST)
    refused(ada.post(f"{V1}/pause", content="{", headers={"Content-Type": "application/json"}), 400)
    refused(ada.post(f"{V1}/pause", data={"a": "b"}), 415)
    refused(ada.post(f"{V1}/pause", json={"a": "x" * LONGEST_FORM}), 413)
    refused(ada.get(f"{V1}/queue?source=1&source=2"), 400)
    for wrong in (
        "source=1_0",
        "source=0",
        "since=20261103",
        "until=2026-13-01",
        "after=x",
        "colour=red",
        "region=%00",
    ):
        refused(ada.get(f"{V1}/queue?{wrong}"), 422)
    for path in ("/candidates/9999999999999999999", "/people/%00", "/videos/abc/roll-call", "/nothing"):
        refused(ada.get(V1 + path), 404)
    answer = ada.delete(f"{V1}/reviews/00000000-0000-0000-0000-000000000000")
    refused(answer, 405)
    assert answer.headers["allow"] == "GET"


def test_lists_go_on_where_a_page_ended(site: Site) -> None:
    for number in range(27):
        seed(site.stores, Story(number=f"26-{number}"))
    ada = program(site, "ada", Role.ANALYST)
    first = ada.see("/queue")
    second = ada.see(f"/queue?after={first['after']}")
    assert (len(first["rows"]), len(second["rows"]), second["after"]) == (25, 2, None)
    assert not {one["since"] for one in first["rows"]} & {one["since"] for one in second["rows"]}


def test_who_keeps_the_register_sees_possible_sightings_and_no_others(site: Site) -> None:
    waits, sighted = seed(site.stores), int(str(sighting(site.stores)["id"]))
    keeper = program(site, "kim", Role.REGISTER_KEEPER)
    assert keeper.see(f"/sightings/{sighted}")["record"]["verdicts"][0]["verdict"] == "sighting"
    refused(keeper.get(f"{V1}/sightings/{waits.candidate}"), 404)
    refused(keeper.get(f"{V1}/candidates/{waits.candidate}"), 403)


def test_accounts_are_kept_as_on_the_page(site: Site) -> None:
    admin = program(site, "root", Role.ADMINISTRATOR)
    made = admin.do("/users", {"name": "New.One", "roles": ["analyst"]})
    assert (made.status_code, made.json()["user"]["name"]) == (201, "new.one")
    assert site.browser().enter(made.json()["link"].rpartition("/")[2]).status_code == 303
    here = f"/users/{made.json()['user']['id']}"
    assert admin.do(f"{here}/roles", {"roles": ["senior"], "reason": "promoted"}).json()["roles"] == ["senior"]
    assert admin.do(f"{here}/disable", {"reason": "left"}).status_code == 204
    refused(admin.do(f"{here}/disable", {"reason": "left"}), 409)
    refused(admin.do(f"{here}/link"), 409)
    refused(admin.do(f"/users/{admin.user.id}/disable", {"reason": "tired"}), 409)
    refused(admin.do(f"{here}/enable", {"reason": ""}), 422)
    (event,) = [one for one in site.log() if one.action == "account disabled"]
    assert (event.actor, event.reason) == ("root", "left")


def test_a_rejected_candidate_is_told_whole(site: Site) -> None:
    found = seed(site.stores)
    with site.stores.db.begin() as db:
        conclude(db, found.candidate, -3)
    record = program(site, "eve", Role.ANALYST).see(f"/candidates/{found.candidate}")
    assert (record["state"], record["record"]["shots"]) == ("rejected", [])
