"""Two requests at the same moment, by real threads through the real server: one of them gets what there is to get."""

from collections import Counter
from collections.abc import Callable, Sequence
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from review.doors import SESSION_COOKIE
from review.roles import Role
from storage import accounts, judgements, lockouts
from storage.accounts import Awaits, User
from storage.custody import Action
from tests.review.accounts.test_second_factor import code, enrolled, forget_steps
from tests.review.conftest import DEADLINE, Browser, Site
from tests.review.seeding import Story, seed

PASSWORD = "river lantern otter stone"
Act = Callable[[], int]
"""one request; returns the status"""


def at_once(*acts: Act) -> list[int]:
    """What each comes to, all begun at the same moment."""
    came: list[int] = [0] * len(acts)
    begins = Barrier(len(acts))

    def run(number: int) -> None:
        begins.wait(DEADLINE)
        came[number] = acts[number]()

    threads = [Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(came) < 500, came
    return came


def posting(browser: Browser, path: str, **fields: str) -> Act:
    return lambda: browser.submit(path, **fields).status_code


def entering(browser: Browser, token: str) -> Act:
    browser.get(f"/enter/{token}")
    return posting(browser, f"/enter/{token}")


def browsers(site: Site, user: User, count: int) -> list[Browser]:
    """With one session: two windows of a browser, whose connections do not wait for each other."""
    first = site.as_user(user)
    others = [site.browser() for _ in range(count - 1)]
    for one in others:
        one.cookies.set(SESSION_COOKIE, first.cookies[SESSION_COOKIE], domain="127.0.0.1")
    return [first, *others]


@pytest.fixture
def olena(site: Site) -> User:
    with site.stores.db.begin() as db:
        return accounts.add_user(db, "olena", PASSWORD, [Role.ANALYST])


def taken(browser: Browser) -> str:
    """Take the next review and describe its face.  Returns its address."""
    place = browser.submit("/reviews").headers["location"]
    assert browser.submit(f"{place}/description", **{"visible.ears": "1"}).status_code == 303
    return place


def standing(site: Site, candidate: int) -> Sequence[int | None]:
    with site.stores.db.begin() as db:
        return [one.answer for one in judgements.of_candidate(db, candidate) if one.stands]


def events(site: Site, action: Action) -> int:
    return sum(event.action == action for event in site.log())


def test_one_review_sent_twice_is_judged_once(site: Site, olena: User) -> None:
    found = seed(site.stores)
    windows = browsers(site, olena, 4)
    place = taken(windows[0])
    at_once(*(posting(one, f"{place}/answer", answer="0") for one in windows))
    assert (list(standing(site, found.candidate)), events(site, Action.JUDGED)) == ([0], 1)


def test_an_answer_undone_twice_at_once_is_undone_once(site: Site, olena: User) -> None:
    found = seed(site.stores)
    windows = browsers(site, olena, 4)
    place = taken(windows[0])
    assert windows[0].submit(f"{place}/answer", answer="0").status_code == 303
    came = at_once(*(posting(one, f"{place}/undo") for one in windows))
    assert set(came) <= {303, 404, 409}
    assert (list(standing(site, found.candidate)), events(site, Action.JUDGEMENT_UNDONE)) == ([], 1)


@pytest.mark.parametrize("turn", range(3))
def test_an_answer_and_its_undoing_at_once_leave_one_or_none_and_the_log_says_which(
    site: Site, olena: User, turn: int
) -> None:
    found = seed(site.stores, Story(number=f"26-{turn}"))
    windows = browsers(site, olena, 4)
    place = taken(windows[0])
    answer, undo = f"{place}/answer", f"{place}/undo"
    at_once(
        posting(windows[0], answer, answer="0"),
        posting(windows[1], undo),
        posting(windows[2], answer, answer="1"),
        posting(windows[3], undo),
    )
    stands = standing(site, found.candidate)
    assert len(stands) == events(site, Action.JUDGED) - events(site, Action.JUDGEMENT_UNDONE)
    assert len(stands) <= 1


def test_of_two_who_take_the_only_face_one_gets_it(site: Site) -> None:
    seed(site.stores)
    several = [site.signed_in(Role.ANALYST) for _ in range(4)]
    at_once(*(posting(one, "/reviews") for one in several))
    assert events(site, Action.TOOK_UP) == 1


def test_who_is_disabled_while_they_answer_leaves_nothing_that_the_log_does_not_say(site: Site, olena: User) -> None:
    found = seed(site.stores)
    (browser, other), chief = browsers(site, olena, 2), site.signed_in(Role.ADMINISTRATOR)
    place = taken(browser)
    came = at_once(
        posting(browser, f"{place}/answer", answer="0"),
        posting(chief, f"/users/{olena.id}/disable", reason="left"),
        posting(other, "/reviews"),
    )
    assert came[1] == 303
    assert len(standing(site, found.candidate)) == events(site, Action.JUDGED)
    assert browser.get("/").status_code == 303
    with site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM sessions WHERE user_id = :id"), {"id": olena.id}).scalar() == 0


def test_a_link_used_by_many_at_once_lets_in_one(site: Site, olena: User) -> None:
    with site.stores.db.begin() as db:
        token = accounts.make_link(db, "olena")
    came = at_once(*(entering(site.browser(), token) for _ in range(6)))
    assert Counter(came) == {303: 1, 403: 5}
    assert events(site, Action.SIGNED_IN) == 1


def test_a_code_given_by_many_at_once_lets_in_one(site: Site, olena: User) -> None:
    secret, recovery = enrolled(site.as_user(olena))
    forget_steps(site.stores)
    for given in (code(secret), recovery[0]):
        half = [site.as_user(olena, Awaits.CODE) for _ in range(4)]
        came = at_once(*(posting(one, "/sign-in/second-factor", code=given) for one in half))
        assert came.count(303) == 1, given
        assert sum(one.get("/account").status_code == 200 for one in half) == 1
        with site.stores.db.begin() as db:
            lockouts.unlock(db, "olena", olena.id)


def test_guesses_at_once_are_all_counted(site: Site, olena: User) -> None:
    guessing = [site.browser() for _ in range(2 * lockouts.PER_NAME)]
    for one in guessing:
        one.get("/sign-in")
    came = at_once(*(posting(one, "/sign-in", name="olena", password="wrong password here") for one in guessing))
    assert Counter(came) == {403: lockouts.PER_NAME, 429: lockouts.PER_NAME}


def test_two_administrators_who_take_the_role_from_each_other_leave_one(site: Site) -> None:
    with site.stores.db.begin() as db:
        chiefs = [accounts.add_user(db, name, None, [Role.ADMINISTRATOR]) for name in ("ada", "ben")]
    ada, ben = (site.as_user(one) for one in chiefs)
    fields = {"role.auditor": "on", "reason": "moves"}
    at_once(
        posting(ada, f"/users/{chiefs[1].id}/roles", **fields), posting(ben, f"/users/{chiefs[0].id}/disable", **fields)
    )
    with site.stores.db.begin() as db:
        left = [one for one in accounts.listed(db) if Role.ADMINISTRATOR in one.user.roles and not one.user.disabled]
    assert len(left) == 1
