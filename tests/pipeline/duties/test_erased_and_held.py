"""What an erasure took is believed to be its work, and whatever else is gone or differs is found all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import text

from lastseen.records import Says, StatementSource
from lastseen.settings import Settings
from pipeline.app import App, open_app
from pipeline.duties import erasure
from storage import answered, custody, erased, erasures, judgements, rejections, stated, statements
from storage.custody import Incident
from storage.statements import Said
from storage.stores import Stores
from tests.pipeline.duties.erasing import ask, confirm
from tests.review.seeding import Seeded, Story, seed
from tests.storage.judged import LIMIT, account, answer, review
from tests.storage.owning import change_as_owner

HIS, HIS_NUMBER = "Шевчук Андрій", "HC-7"
HER, HER_NUMBER = "Коваленко Олена", "HC-70"
NAMING = f"not {HIS}"
DAY = date(2026, 3, 1)
TABLES = ("judgements", "judgement_undos", "rejections", "statements", "statement_withdrawals")


class Broken(Exception):
    """The worker died here."""


@dataclass(frozen=True, slots=True)
class Office:
    """Two people of whom the same was answered, rejected and stated; of her some of it names him."""

    app: App
    him: Seeded
    her: Seeded

    def found(self, *changes: str) -> set[tuple[str, str]]:
        """What is found wrong once somebody has done this as the owner of the database; (what, where)."""
        change_as_owner(self.app.stores.owner, TABLES, changes)
        with self.app.stores.db.begin() as db:
            orders = erased.read(db)
            return {_short(one) for check in (answered.check, stated.check) for one in check(db, orders)}

    def ids(self, table: str, where: str = "true") -> list[int]:
        """Row ids, of undos and withdrawals of what they are about."""
        key = {"judgement_undos": "judgement_id", "statement_withdrawals": "statement_id"}.get(table, "id")
        with self.app.stores.db.begin() as db:
            return list(db.execute(text(f"SELECT {key} FROM {table} WHERE {where} ORDER BY 1")).scalars())  # noqa: S608


def _short(one: Incident) -> tuple[str, str]:
    what = "gone" if one.what.endswith("its row is gone") else one.what.partition(" than ")[0]
    return what, one.where


@pytest.fixture
def office(owning: Settings, stores: Stores) -> Iterator[Office]:
    him = seed(stores, Story(number=HIS_NUMBER, names=(HIS,)))
    her = seed(stores, Story(number=HER_NUMBER, names=(HER,)))
    for one, number in ((him, HIS_NUMBER), (her, HER_NUMBER)):
        judged(stores, one)
        spoken(stores, number)
    with open_app(owning, "test") as opened:
        yield Office(opened, him, her)


def judged(stores: Stores, one: Seeded) -> None:
    """Ada answers and takes it back, Ben turns it away with a reason, and a senior rejects it by order."""
    with stores.db.begin() as db:
        answer(db, "ada", one.candidate, 2)
    with stores.db.begin() as db:
        newest = db.execute(text("SELECT max(id) FROM judgements")).scalar_one()
        custody.append_all(db, "ada", judgements.undo(db, newest, account(db, "ada"), LIMIT).entries)
    with stores.db.begin() as db:
        ben = account(db, "ben")
        turned = judgements.judge(db, review(db, ben, one.candidate), None, (), NAMING, LIMIT)
        custody.append_all(db, "ben", turned.entries)
    with stores.db.begin() as db:
        custody.append_all(db, "carol", rejections.reject(db, one.candidate, NAMING, "carol", LIMIT).entries)


def spoken(stores: Stores, number: str) -> None:
    """Two claims, one of which is withdrawn."""
    with stores.db.begin() as db:
        for reference in (f"list of {HIS}", "list 4"):
            said = Said(Says.DEAD, "side A", StatementSource.DOCUMENT, reference, DAY)
            made, _, entries = statements.enter(db, number, said, "olha", LIMIT)
            custody.append_all(db, "olha", entries)
        custody.append_all(db, "olha", statements.withdraw(db, made, f"it was {HIS}", "olha", LIMIT)[1])


def erase(office: Office) -> dict[str, object]:
    """He is erased.  Returns what the erasure's event says."""
    confirm(office.app, ask(office.app, f"person:{HIS_NUMBER}"))
    erasure.finish(office.app)
    return event(office)


def event(office: Office) -> dict[str, object]:
    with office.app.stores.db.begin() as db:
        (one,) = (one for one in custody.events(db) if (one.action, one.subject) == ("erased", "erasure:1"))
    return dict(one.detail)


def test_its_event_names_what_it_took_and_reworded_by_number(office: Office) -> None:
    before = {table: office.ids(table) for table in TABLES}
    did = erase(office)
    after = {table: office.ids(table) for table in before}
    gone = {table: sorted({*before[table]} - {*after[table]}) for table in before}
    assert did["took"] == {
        "judgements": "1-2", "judgement_undos": "1", "rejections": "1", "statements": "1-2",
        "statement_withdrawals": "2", "persons": "1",
    }  # fmt: skip
    assert gone == {
        "judgements": [1, 2], "judgement_undos": [1], "rejections": [1], "statements": [1, 2],
        "statement_withdrawals": [2],
    }  # fmt: skip
    reworded = did["reworded"]
    assert isinstance(reworded, dict)
    assert {table: list(rows) for table, rows in reworded.items()} == {
        "judgements": ["4"], "rejections": ["2"], "statements": ["3"], "statement_withdrawals": ["4"],
    }  # fmt: skip
    assert office.found() == set()


@pytest.mark.parametrize(
    ("change", "incident"),
    [
        ("DELETE FROM judgements WHERE id = 4", ("gone", "judgement 4")),
        ("DELETE FROM judgement_undos WHERE judgement_id = 3", ("gone", "judgement 3")),
        ("DELETE FROM rejections WHERE id = 2", ("gone", "rejection 2")),
        ("DELETE FROM statements WHERE id = 3", ("gone", "statement 3")),
        ("DELETE FROM statement_withdrawals WHERE statement_id = 4", ("gone", "statement 4")),
        ("UPDATE judgements SET reason = 'x' WHERE id = 3", ("its row says another content", "judgement 3")),
        ("UPDATE judgements SET reason = 'x' WHERE id = 4", ("its row says another content", "judgement 4")),
        ("UPDATE rejections SET reason = 'x' WHERE id = 2", ("its row says another reason", "rejection 2")),
        ("UPDATE statements SET dated = dated - 1 WHERE id = 3", ("its row says another content", "statement 3")),
        ("UPDATE statement_withdrawals SET reason = 'x'", ("its row says another content", "statement 4")),
        ("UPDATE statements SET body = 'x' WHERE id = 4", ("its row says another content", "statement 4")),
    ],
)
def test_what_somebody_else_took_or_changed_is_found(office: Office, change: str, incident: tuple[str, str]) -> None:
    erase(office)
    assert incident in office.found(change)


@pytest.mark.parametrize("dies", ["before", "after"])
def test_one_that_was_cut_short_says_the_same(office: Office, monkeypatch: pytest.MonkeyPatch, dies: str) -> None:
    """The worker dies when the objects are gone, before or after the rows went, whose transaction is then undone."""
    take = erasures.take

    def dying(*args: object) -> object:
        if dies == "after":
            take(*args)  # type: ignore[arg-type]
        raise Broken

    confirm(office.app, ask(office.app, f"person:{HIS_NUMBER}"))
    with monkeypatch.context() as patched:
        patched.setattr(erasures, "take", dying)
        with pytest.raises(Broken):
            erasure.finish(office.app)
    assert office.found() == set(), "nothing went yet"
    erasure.finish(office.app)
    assert event(office)["took"] != {}
    assert office.found() == set()
    assert ("gone", "statement 3") in office.found("DELETE FROM statements WHERE id = 3")
