"""What monitoring reads and staff see of the office's state; and that each request has an id."""

import json
import logging
import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from sqlalchemy import text

from lastseen import logs
from lastseen.clock import utcnow
from review.naming import HEADER
from review.roles import Role
from storage import accounts, alerts
from storage.database import Engine
from storage.status import Unaccounted
from storage.stores import Stores
from tests.review.conftest import Site
from tests.review.seeding import seed

LINE = re.compile(r'[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? -?[0-9.e+]+(e[+-]?[0-9]+)?')

SOURCE = """
    INSERT INTO sources (platform, address, reason, legal_basis, added_by) VALUES ('telegram', 'a', '', '', '')"""


def token(stores: Stores, role: Role) -> dict[str, str]:
    with stores.db.begin() as db:
        user = accounts.add_user(db, f"of-{role}", None, [role])
        made = accounts.make_token(db, user, "prometheus", [role])
    return {"Authorization": f"Bearer {made}"}


def test_programs_read_figures_without_a_name(site: Site, stores: Stores) -> None:
    seed(stores)
    with stores.db.begin() as db:
        alerts.sound(db, alerts.SOURCE_CLOSED, "source:1", "said")
        told = [value for row in db.execute(text("SELECT register_number, names FROM persons")) for value in row]
        told += [row[0] for row in db.execute(text("SELECT address FROM sources"))]
    answer = site.browser().get("/metrics", headers=token(stores, Role.COLLECTOR))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert 'lastseen_alerts_open{kind="source closed"} 1.0' in lines
    words = [word for value in told for word in (value if isinstance(value, list) else [value])]
    assert words
    assert [word for word in words if word in answer.text] == []
    assert "first" not in {line.partition("{")[0] for line in lines}


def test_figures_that_were_kept_for_some_seconds_say_when_they_were_read(site: Site, stores: Stores) -> None:
    headers, since = token(stores, Role.COLLECTOR), utcnow().timestamp()
    one, other = (site.browser().get("/metrics", headers=headers).text for _ in range(2))
    [read] = [float(line.split()[1]) for line in one.splitlines() if line.startswith("lastseen_read_timestamp")]
    assert since <= read <= utcnow().timestamp()
    assert one == other, "nobody works them out twice within seconds"


def test_who_may_not_see_the_state_may_not_read_its_figures(site: Site, stores: Stores) -> None:
    assert site.browser().get("/metrics").status_code == 403
    assert site.browser().get("/metrics", headers=token(stores, Role.AUDITOR)).status_code == 403


def test_how_many_wait_for_a_second_person_is_in_no_figure(site: Site, stores: Stores) -> None:
    seed(stores)
    told = site.browser().get("/metrics", headers=token(stores, Role.ANALYST)).text
    assert "lastseen_judgements_due " in told
    of_judgements = [line for line in told.splitlines() if line.startswith("lastseen_judgements")]
    assert [line for line in of_judgements if "{" in line] == []


def test_staff_see_alerts_with_what_to_do_and_what_waits(site: Site, db: Engine) -> None:
    with db.begin() as one:
        alerts.sound(one, alerts.LOCK, "object store", "<b>said</b>\u202e")
        one.execute(text("INSERT INTO work (step, subject, state) VALUES ('fetch', 1, 'open')"))
        one.execute(text("INSERT INTO work (step, subject, state, ready_at) VALUES ('fetch', 2, 'open', '2099-01-01')"))
        one.execute(text(SOURCE))
        one.execute(text("INSERT INTO runs (command, actor) VALUES ('airflow fetch', 'airflow')"))
    browser = site.signed_in(Role.COLLECTOR)
    page = browser.get("/status").text
    assert "Find out who changed the object store" in page
    assert "&lt;b&gt;said" in page
    assert "\u202e" not in page
    page = re.sub(r"<td [^>]*>", "<td>", page)
    assert re.search(r"<td>fetch</td><td>1</td><td>0</td><td>1</td><td><time [^>]*>1 Jan 2099", page)
    assert re.search(r"<td>1</td><td><strong>never</strong></td><td>never</td>", page)
    assert "at work, or killed" in page
    browser.submit("/language", language="uk")
    assert "Find out who changed" not in browser.get("/status").text


def test_who_is_unaccounted_for_is_counted_once_a_minute_and_the_page_says_when(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    counted = iter([Unaccounted(7, 3, datetime(2026, 11, 4, 6, 30, tzinfo=UTC))])
    monkeypatch.setattr("review.desk.UNACCOUNTED_SECONDS", 1e9)  # however slow the machine is
    monkeypatch.setattr("review.house.installation.storage_status.unaccounted", lambda _: next(counted))
    site: Site = request.getfixturevalue("site")
    for _ in range(2):
        page = site.signed_in(Role.COLLECTOR).get("/status").text
        assert "unaccounted for were counted at 4 Nov 2026, 06:30 UTC, everything else now." in page
        assert re.search(r"<dt>unaccounted</dt><dd>7</dd>", page)
        assert re.search(r"<dt>unaccounted videos</dt><dd>3</dd>", page)


@pytest.mark.parametrize(
    ("given", "kept"), [("from-a-proxy.1", True), ("", False), ("a b", False), ("x" * 65, False), ("<script>", False)]
)
def test_every_answer_bears_an_id_that_fits_a_log(site: Site, given: str, kept: bool) -> None:
    answer = site.browser().get("/sign-in", headers={HEADER: given} if given else {})
    assert re.fullmatch("[A-Za-z0-9._-]{1,64}", answer.headers[HEADER])
    assert (answer.headers[HEADER] == given) is kept


@pytest.mark.logs_errors
def test_what_is_logged_for_a_request_bears_its_id(site: Site, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()
    handler = logs.written(logs.JSON, logging.StreamHandler(out))
    log = logging.getLogger("lastseen.of.request")
    log.addHandler(handler)

    def status(db: object, limit: int = 0) -> list[object]:
        log.error("in a thread of the server")
        return []

    monkeypatch.setattr("review.house.installation.storage_status.troubles", status)
    answer = site.signed_in(Role.COLLECTOR).get("/status", headers={HEADER: "r1"})
    log.removeHandler(handler)
    assert answer.status_code == 200
    assert json.loads(out.getvalue())["request"] == "r1"
