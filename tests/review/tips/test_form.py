"""The form for tips: what anybody may send, what a flood comes to, and what is never shown."""

import re
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from review.roles import Role
from review.tips import form
from storage import alerts, sources
from storage.custody import Action
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving

SENT = {
    "address": "https://t.me/news/7",
    "moment": "2:35",
    "whom": "my brother Ivan, born 1990",
    "how": "we grew up together",
    "contact": "Olena, +380 00 000",
    "consent": "yes",
}
CODE = re.compile(r"<b>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){5})</b>")
BREAKS_OUT = '"><script>alert(1)</script>{{ 7*7 }}\u202eabc'


@pytest.fixture
def open_site(stores: Stores, settings: Settings) -> Iterator[Site]:
    """An office that takes tips by its pages."""
    wanted = {"tips_open": True, "tips_of_an_address": 5, "tips_a_day": 8, "trusted_proxies": "127.0.0.1"}
    with serving(stores, settings.model_copy(update=wanted)) as served:
        yield served


def visitor(site: Site, **headers: str) -> Browser:
    browser = site.browser(**headers)
    browser.get("/tip")
    return browser


def sent(browser: Browser, **fields: str) -> httpx.Response:
    return browser.submit("/tip", **{**SENT, **fields})


def code_of(answer: httpx.Response) -> str:
    found = CODE.search(answer.text)
    assert found is not None, answer.text
    return found[1]


def test_a_relative_sends_a_link_and_sees_how_it_stands(open_site: Site) -> None:
    relative = visitor(open_site)
    answer = sent(relative)
    assert answer.status_code == 200
    code = code_of(answer)
    assert code not in str(answer.url)
    state = relative.submit("/tip/state", code=code.lower().replace("-", " "))
    assert "Nobody has looked at it yet" in state.text
    assert "Ivan" not in state.text
    assert relative.submit("/tip/state", code="AAAA").status_code == 422
    events = [event for event in open_site.log() if event.action == Action.TIP_RECEIVED]
    assert [(event.actor, event.subject) for event in events] == [(form.ACTOR, "tip:1")]


def test_it_speaks_ukrainian(open_site: Site) -> None:
    relative = visitor(open_site, **{"Accept-Language": "uk"})
    assert 'lang="uk"' in relative.get("/tip").text
    assert "Have you recognised" not in relative.get("/tip").text
    sent(relative)
    with open_site.stores.db.begin() as db:
        assert db.execute(text("SELECT language FROM tips")).scalars().all() == ["uk"]


def test_an_office_that_takes_none_says_so(site: Site) -> None:
    relative = visitor(site)
    for answer in (relative.get("/tip"), sent(relative), relative.get("/tip/state"), relative.submit("/tip/state")):
        assert answer.status_code == 403
        assert "No tips are taken here" in answer.text
    with site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM tips")).scalar() == 0


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("address", "", "link"),
        ("whom", " ", "whom"),
        ("contact", "", "reach"),
        ("consent", "", "agree"),
        ("moment", "soon", "2:35"),
        ("whom", "a" * 2001, "too long"),
        ("website", "https://spam.example", "must stay empty"),
    ],
)
def test_what_lacks_is_said_and_nothing_that_was_written_is_lost(
    open_site: Site, field: str, value: str, says: str
) -> None:
    answer = sent(visitor(open_site), **{field: value})
    assert answer.status_code == 422
    assert says in answer.text
    for kept in ("how", "contact", "whom"):
        if kept != field:
            assert SENT[kept] in answer.text
    with open_site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM tips")).scalar() == 0


@pytest.mark.parametrize("field", ["address", "moment", "whom", "how", "contact"])
def test_hostile_words_stay_words(open_site: Site, field: str) -> None:
    answer = sent(visitor(open_site), **{field: BREAKS_OUT, "consent": ""})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "{{ 7*7 }}" in answer.text or field == "moment"


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.7:5432/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://t.me/+secret",
        "' OR 1=1 --",
    ],
)
def test_whatever_is_sent_nothing_of_it_is_fetched(open_site: Site, address: str) -> None:
    assert sent(visitor(open_site), address=address).status_code == 200
    officer = open_site.signed_in(Role.CASE_OFFICER)
    page = officer.get("/tips/1").text
    assert "cannot be read" in page
    assert f'href="{address}' not in page
    with open_site.stores.db.begin() as db:
        assert sources.every(db) == []
        assert db.execute(text("SELECT count(*) FROM work")).scalar() == 0


def test_a_form_that_is_far_too_long_is_not_read(open_site: Site) -> None:
    assert sent(visitor(open_site), whom="a" * 70_000).status_code == 413


def test_a_flood_from_one_address_waits_and_others_do_not(open_site: Site) -> None:
    flood = visitor(open_site, **{"X-Forwarded-For": "203.0.113.7"})
    answers = [sent(flood) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert SENT["whom"] in answers[-1].text, "nobody writes it twice"
    family = visitor(open_site, **{"X-Forwarded-For": "203.0.113.8"})
    assert sent(family).status_code == 200


def test_a_flood_from_everywhere_stops_for_the_day_and_is_told(open_site: Site) -> None:
    answers = [sent(visitor(open_site, **{"X-Forwarded-For": f"203.0.113.{number}"})) for number in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 8 + [429] * 2
    assert "tomorrow" in answers[-1].text
    with open_site.stores.db.begin() as db:
        assert [alert.kind for alert in alerts.standing(db)] == [alerts.TIP_FLOOD]
    page = open_site.signed_in(Role.CASE_OFFICER).get("/tips").text
    assert re.search(r"too many in a day</dt><dd>2</dd>", page)


def test_programs_that_fill_every_field_are_counted_and_told_of(open_site: Site) -> None:
    program = visitor(open_site)
    for _ in range(50):
        assert sent(program, website="x").status_code == 422
    with open_site.stores.db.begin() as db:
        (alert,) = alerts.standing(db)
    assert alert.said == "50 forms with tips were turned away today: by a program"
