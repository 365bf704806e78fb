"""A long list against a large register: how long it takes, what is lost, and how many are found.

`python -m tests.pipeline.lists.bench FOLDER [--people N] [--lines N]`

Fills an embedded office in FOLDER with invented people, writes a list of them as tired people type it (typos, doubles,
Ukrainian, Russian and Latin, any order, years that are off or lack, lines that name nobody; three of ten are of
nobody in the register), and takes it in as an officer does: preview, import, comparison, the list's page.  FOLDER has
to be new.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

from pydantic import SecretStr
from sqlalchemy import text

from lastseen.settings import Settings
from matchers.lists.matching import VERSION
from matchers.lists.sheets import Wanted
from pipeline.lists import comparing, importing
from pipeline.lists.importing import Order
from pipeline.runner import Runner
from storage import list_lines, lists
from storage.lists import Received
from storage.stores import Stores, open_stores
from storage.work import Queue
from tests.pipeline.lists import invented

DATED: Final = date(2026, 1, 31)
FILL: Final = text("""
    INSERT INTO persons (register_number, names, birth_year, status)
    SELECT number, ARRAY[name], year, 'missing'
      FROM jsonb_to_recordset(CAST(:people AS jsonb)) AS one (number text, name text, year int) ORDER BY number""")
FOUND: Final = text("""
    SELECT "row", rank, register_number FROM list_entries JOIN list_matches ON entry_id = list_entries.id
      JOIN persons ON persons.id = person_id WHERE list_id = :list""")

Made = TypeVar("Made")


def main() -> None:
    """Measure, and print one object of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=10_000)
    told = parser.parse_args()
    people = invented.people(told.people)
    typed = invented.typed(people, told.lines)
    if told.folder.exists():
        parser.error(f"{told.folder} is there already: name a new folder")
    told.folder.mkdir(parents=True)
    path = told.folder / "list.csv"
    path.write_bytes(invented.as_csv(typed))
    settings = Settings(_env_file=None, data_dir=told.folder, legal_basis="bench", secrets_key=SecretStr(""))
    with open_stores(settings, objects=False) as stores:
        sys.stdout.write(json.dumps(measure(stores, settings, path, people, typed), indent=1) + "\n")


def measure(
    stores: Stores, settings: Settings, path: Path, people: list[invented.Invented], typed: list[invented.Typed]
) -> dict[str, object]:
    """Seconds, counts, and shares of the lines that are of somebody in the register."""
    fill(stores, people)
    seconds: dict[str, float] = {}
    order = Order(path, Wanted(path.name))
    with stores.db.begin() as db:
        made, content, _same = _timed(seconds, "preview", lambda: importing.preview(db, order))
    received = Received("List", "Side A", "csv", DATED, path.name, "0" * 64, len(content), "", made.mapping.as_json())
    with stores.db.begin() as db:
        kept, _entry = _timed(seconds, "import", lambda: lists.keep(db, received, made.rows(), "bench"))
    _timed(seconds, "compare", lambda: _compare(stores, settings))
    with stores.db.begin() as db:
        stood = _timed(seconds, "page: totals", lambda: list_lines.find(db, kept.list))
        _timed(seconds, "page: lines", lambda: list_lines.listed(db, kept.list, "waiting"))
        _timed(seconds, "page: doubles", lambda: list_lines.doubles(db, kept.list))
        _timed(seconds, "page: contradicting", lambda: list_lines.contradicting(db, kept.list))
        found = db.execute(FOUND, {"list": kept.list}).all()
    rank = {(row.row, row.register_number): row.rank for row in found}
    truths = {line: f"{who:06}" for line, who in invented.truths(typed)}
    ranks = [rank.get((line, number)) for line, number in truths.items()]
    return {
        "seconds": {name: round(took, 2) for name, took in seconds.items()},
        "all_seconds": round(sum(took for name, took in seconds.items() if "page" not in name), 2),
        "rows_in_the_file": len(typed),
        "lines_kept": stood.lines if stood else 0,
        "states": {str(state): stood.of(state) for state in list_lines.State} if stood else {},
        "of_the_register": len(truths),
        "found": round(sum(one is not None for one in ranks) / len(ranks), 4),
        "found_first": round(sum(one == 1 for one in ranks) / len(ranks), 4),
        "proposals": len(found),
        "strangers_with_proposals": len({row.row for row in found} - set(truths)),
    }


def fill(stores: Stores, people: list[invented.Invented]) -> None:
    """Put invented people into a register, numbered by their place."""
    rows = [{"number": f"{place:06}", "name": one.whole, "year": one.year} for place, one in enumerate(people)]
    with stores.db.begin() as db:
        db.execute(FILL, {"people": json.dumps(rows)})


def _compare(stores: Stores, settings: Settings) -> None:
    step = comparing.step()
    with stores.db.begin() as db:
        comparing.fill(db, Queue(comparing.NAME, VERSION))
    with Runner(stores, settings, "bench") as runner:
        runner.drain(step)


def _timed(seconds: dict[str, float], name: str, asked: Callable[[], Made]) -> Made:
    began = time.perf_counter()
    made = asked()
    seconds[name] = time.perf_counter() - began
    return made


if __name__ == "__main__":
    main()
