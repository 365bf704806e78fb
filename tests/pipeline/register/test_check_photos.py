"""What is odd about the register's photos, whatever came first; and that it is gone when its cause is."""

from dataclasses import replace
from itertools import permutations

import pytest
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.records import Band, Finding, FindingKind, PersonEntry, Says, Template, TieKind
from lastseen.settings import Settings
from pipeline.matching.held_register import HeldRegister
from pipeline.register import check_photos
from pipeline.runner import Runner
from storage import faces, findings, register, statements, ties, work
from storage.findings import Listed
from storage.objects import Stored
from storage.stores import Stores
from storage.work import Queue
from tests.pipeline.matching.test_match import ENGINE, SEAL, point
from tests.storage.test_statements import HOME

THRESHOLD, APART = 0.5, 0.65
LIMIT = 5


class Keeper:
    """Somebody who keeps a register in which faces are points on a line."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self.db, self.settings = stores.db, settings
        self.runner = Runner(stores, settings, "tester")

    def photo(self, number: str, place: float) -> int:
        """A photo of an entry, enrolled; named by its place."""
        with self.db.begin() as db:
            kept = register.keep_person(db, PersonEntry(number, None, ()), LIMIT)
            stored = Stored(f"photo/{place}", "", 1, f"{place:0>64}", created=True)
            photo, _ = register.keep_photo(db, kept.person, f"{place}", stored, "image/jpeg")
            faces.keep_photo_template(db, photo, ENGINE, Template("photo", point(place), 1.0), SEAL)
            findings.look_again(db, ENGINE, [kept.person])
        return photo

    def check(self) -> int:
        """Look at everybody who is to be looked at; how many those were."""
        with self.db.begin() as db:
            findings.fill(db, ENGINE)
        return self.runner.drain(check_photos.step(ENGINE, THRESHOLD, APART, HeldRegister(self.settings, SEAL))).done

    def remove(self, number: str, place: float) -> None:
        """A photo goes, and whom it concerned is looked at."""
        with self.db.begin() as db:
            photo, done, _ = register.remove_photo(db, number, f"{place}", "not hers", "tester", LIMIT)
            findings.look_again(db, ENGINE, [done.person, *findings.beside(db, [photo])])
        self.check()

    def tie(self, one: str, other: str, kind: TieKind) -> None:
        with self.db.begin() as db:
            ties.declare(db, (one, other), kind, "tester", 5)

    def explain(self, finding: int) -> None:
        with self.db.begin() as db:
            findings.explain(db, finding, "two people who look alike", "tester")

    def listed(self) -> list[Listed]:
        with self.db.begin() as db:
            return findings.listed(db, closed=True)

    def said(self) -> set[str]:
        """`kind state: entry photo, entry photo`."""
        return {
            f"{one.kind} {one.state}: {one.person} {one.photo_name}, {one.other_person} {one.other_photo_name}"
            for one in self.listed()
        }


@pytest.fixture
def keeper(stores: Stores, settings: Settings) -> Keeper:
    """With an empty register."""
    return Keeper(stores, settings)


HELD = (("A", 0.0), ("A", 0.2), ("B", 0.3), ("C", 0.75))
ODD = {"twice open: A 0.2, B 0.3", "alike warning: B 0.3, C 0.75"}


@pytest.mark.parametrize("order", [*permutations(HELD)][::7])
@pytest.mark.parametrize("often", [True, False])
def test_whatever_comes_first_the_same_is_found(keeper: Keeper, order: list[tuple[str, float]], often: bool) -> None:
    for number in "ABC":  # so that ids do not depend on the order
        with keeper.db.begin() as db:
            register.keep_person(db, PersonEntry(number, None, ()), LIMIT)
    for number, place in order:
        keeper.photo(number, place)
        if often:
            keeper.check()
    keeper.check()
    assert keeper.said() == ODD
    assert keeper.check() == 0, "nothing is left to do"


def test_looking_again_changes_nothing(keeper: Keeper) -> None:
    for number, place in (*HELD, ("A", 9.0)):
        keeper.photo(number, place)
    keeper.check()
    before = keeper.listed()
    with keeper.db.begin() as db:
        work.again(db, Queue(findings.STEP, ENGINE))
    assert keeper.check() == 3
    assert keeper.listed() == before
    assert len(before) == 3


def test_a_photo_that_agrees_with_a_later_one_is_no_finding_any_more(keeper: Keeper) -> None:
    keeper.photo("A", 0.0)
    keeper.photo("A", 1.0)
    keeper.check()
    assert keeper.said() == {"apart open: A 0.0, A 1.0", "apart open: A 1.0, A 0.0"}
    keeper.photo("A", 1.1)
    keeper.check()
    assert keeper.said() == {"apart open: A 0.0, A 1.0"}


def test_what_a_removed_photo_was_odd_by_is_gone_and_what_it_hid_is_told(keeper: Keeper) -> None:
    for number, place in (("A", 0.0), ("B", 0.1), ("B", 0.3)):
        keeper.photo(number, place)
    keeper.check()
    assert keeper.said() == {"twice open: A 0.0, B 0.1"}
    keeper.remove("B", 0.1)
    assert keeper.said() == {"twice open: A 0.0, B 0.3"}
    keeper.remove("A", 0.0)
    assert keeper.said() == set()


def test_ties_explain_and_untying_asks_again(keeper: Keeper) -> None:
    keeper.photo("A", 0.0)
    keeper.photo("B", 0.1)
    keeper.check()
    keeper.tie("B", "A", TieKind.KIN)
    assert keeper.said() == {"twice warning: A 0.0, B 0.1"}
    with keeper.db.begin() as db:
        ties.untie(db, ("A", "B"), "a mistake", 5)
    assert keeper.said() == {"twice open: A 0.0, B 0.1"}
    keeper.tie("A", "B", TieKind.SAME)
    assert keeper.said() == {"twice explained: A 0.0, B 0.1"}
    with keeper.db.begin() as db:
        assert findings.counts(db) == {"open": 0, "warning": 0, "explained": 1}
    with pytest.raises(WrongUse, match="by the tie"):
        keeper.explain(keeper.listed()[0].id)


def test_an_explanation_holds_for_what_was_seen_and_not_for_what_is_nearer(keeper: Keeper) -> None:
    keeper.photo("A", 0.0)
    keeper.photo("B", 0.3)
    keeper.check()
    (only,) = keeper.listed()
    keeper.explain(only.id)
    with pytest.raises(WrongUse, match="before"):
        keeper.explain(only.id)
    keeper.photo("B", 0.35)
    keeper.check()
    assert keeper.said() == {"twice explained: A 0.0, B 0.3"}
    keeper.photo("B", 0.1)
    keeper.check()
    assert keeper.said() == {"twice open: A 0.0, B 0.1"}
    keeper.explain(only.id)
    assert keeper.said() == {"twice explained: A 0.0, B 0.1"}


def test_who_is_found_leaves_no_findings_and_brings_them_back(keeper: Keeper) -> None:
    keeper.photo("A", 0.0)
    keeper.photo("B", 0.1)
    keeper.check()
    with keeper.db.begin() as db:
        register.close(db, "A", HOME, "at home", "keeper", LIMIT)
    assert keeper.said() == set()
    with keeper.db.begin() as db:
        statements.enter(db, "A", replace(HOME, says=Says.MISSING), "keeper", LIMIT)
    keeper.photo("A", 0.0)
    keeper.check()
    assert keeper.said() == {"twice open: A 0.0, B 0.1"}


def test_a_look_that_read_too_early_takes_nothing_away(keeper: Keeper) -> None:
    """It read the register before the other entry had a photo, and ends after that entry was looked at."""
    keeper.photo("A", 0.0)
    keeper.photo("B", 0.1)
    keeper.check()
    with keeper.db.begin() as db:
        findings.keep(db, ENGINE, ties.person(db, "A"), [], THRESHOLD)
    assert keeper.said() == {"twice open: A 0.0, B 0.1"}


def test_a_look_that_read_too_early_keeps_nothing_of_a_photo_that_is_gone(keeper: Keeper) -> None:
    """It would hide the next nearest pair behind one that is not there."""
    gone, _, other = keeper.photo("A", 0.1), keeper.photo("A", 0.3), keeper.photo("B", 0.0)
    keeper.check()
    (before,) = keeper.listed()
    keeper.remove("A", 0.1)
    assert keeper.said() == {"twice open: A 0.3, B 0.0"}
    with keeper.db.begin() as db:
        one, two = ties.person(db, "A"), ties.person(db, "B")
        late = Finding(FindingKind.TWICE, one, gone, two, other, before.distance, before.bound)
        findings.keep(db, ENGINE, two, [late], THRESHOLD)
    assert keeper.said() == {"twice open: A 0.3, B 0.0"}


def test_another_engine_says_anew_what_is_odd_and_asks_nobody_again(keeper: Keeper) -> None:
    a, b = keeper.photo("A", 0.0), keeper.photo("B", 0.3)
    keeper.photo("C", 0.1)
    keeper.check()
    assert len(keeper.listed()) == 3
    for one in keeper.listed():
        keeper.explain(one.id)
    another = "another/1/00000000"
    with keeper.db.begin() as db:
        for photo, place in ((a, 0.0), (b, 0.1)):
            faces.keep_photo_template(db, photo, another, Template("photo", point(place), 1.0), SEAL)
        findings.fill(db, another)
    keeper.runner.drain(check_photos.step(another, THRESHOLD, APART, HeldRegister(keeper.settings, SEAL)))
    assert keeper.said() == {"twice explained: A 0.0, B 0.3"}, "C has no template of this engine"


def test_a_calibration_that_was_adopted_has_everybody_looked_at_by_it(keeper: Keeper) -> None:
    keeper.photo("A", 0.0)
    keeper.photo("B", 0.3)
    keeper.check()
    band = Band(0, 0.5, 0.55, ((0.05, 0.001), (0.2, 0.01), (0.25, 0.1), (0.5, 9.0)))
    stored = f"""[{{"least": 0, "threshold": {band.threshold}, "watch": {band.watch},
                   "curve": {[list(point) for point in band.curve]}}}]"""
    insert = """WITH made AS (INSERT INTO calibrations (engine, people, photos, pairs, bands, made_by)
                              VALUES (:engine, 2, 2, 1, CAST(:bands AS jsonb), 'tester') RETURNING id)
                INSERT INTO calibration_adoptions (calibration_id, reason, adopted_by)
                SELECT id, 'measured', 'tester' FROM made"""
    with keeper.db.begin() as db:
        db.execute(text(insert), {"engine": ENGINE, "bands": stored})
    assert keeper.check() == 2
    assert keeper.said() == set(), "as near as 0.3 come ten strangers by chance"
    keeper.photo("B", 0.1)
    keeper.check()
    assert keeper.said() == {"twice open: A 0.0, B 0.1"}


def test_entries_that_nobody_ever_looked_at_are_looked_at(keeper: Keeper) -> None:
    keeper.photo("A", 0.0)
    keeper.photo("B", 0.1)
    with keeper.db.begin() as db:
        db.execute(text("DELETE FROM work"))  # as in a register that was enrolled before there were such looks
    assert keeper.check() == 2
    assert len(keeper.listed()) == 1


def test_what_is_not_there_cannot_be_explained(keeper: Keeper) -> None:
    with pytest.raises(WrongUse, match="no finding 7"):
        keeper.explain(7)
