"""Hold one list against the register while somebody waits: ten thousand names take some seconds."""

from matchers.lists.matching import VERSION, Asked, Register
from storage import custody, lists
from storage.custody import Action, Entry
from storage.stores import Stores


def compare(stores: Stores, list_: int, actor: str) -> None:
    """Block by block, each kept as it is done; what changes meanwhile is due again (`lastseen names`)."""
    with stores.db.begin() as db:
        blocks, register = lists.blocks_of(db, list_), Register.of(lists.people(db))
    for block in blocks:
        with stores.db.begin() as db:
            looked, lines = lists.look(db, block), lists.lines(db, block)
        found = {
            line.id: [(one.person, one.as_json())
                      for one in register.proposals(Asked(line.id, line.names, line.birth_year))]
            for line in lines
        }  # fmt: skip
        with stores.db.begin() as db:
            kept = lists.propose(db, VERSION, looked, found)
            detail = {"matcher": VERSION, "lines": len(lines), "new": kept.new, "gone": kept.gone}
            custody.append_all(db, actor, [Entry(Action.SEARCHED, f"list_lines:{block}", detail)])
