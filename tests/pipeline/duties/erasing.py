"""A lawful erasure as two people have it done: for tests that look at what it leaves."""

from pipeline.app import App
from pipeline.duties import erasure
from storage import custody, erasures, subjects
from storage.erasures import Plan


def ask(app: App, written: str, actor: str = "anna") -> int:
    """The first person's word.  Returns the erasure's number."""
    with app.stores.db.begin() as db:
        number, entries = erasures.ask(db, subjects.parse(written), "a court said so", "AZ 12/26", actor)
        custody.append_all(db, actor, entries)
    return number


def confirm(app: App, number: int, actor: str = "bert") -> None:
    """The second person's."""
    with app.stores.db.begin() as db:
        custody.append_all(db, actor, erasures.confirm(db, number, actor))


def erase(app: App, written: str) -> Plan:
    """Asked for, confirmed, and carried out.  Returns what went."""
    confirm(app, ask(app, written))
    ((_, gone),) = erasure.finish(app)
    return gone
