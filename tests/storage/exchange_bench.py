"""How long it takes to hand out an office of 10,000 people with 50,000 statements and 500 possible sightings.

`python -m tests.storage.exchange_bench` makes the rows in a database of its own, and prints for each format the seconds
and the bytes of the file, and the seconds that the database takes for all of them.
"""

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from lastseen.exchange.records import Format, HandedPerson
from lastseen.exchange.writing import write
from lastseen.settings import Settings
from storage import exchange
from storage.exchange import Selection, Wanted
from storage.stores import open_stores
from tests.storage import contradictions_bench


def main() -> int:
    """Fill, hand out, print."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        with open_stores(settings, objects=False) as stores:
            contradictions_bench.fill(stores.db)
            begun = perf_counter()
            with stores.db.begin() as db:
                people = exchange.gather(db, Selection(everybody=True))
            gathered = round(perf_counter() - begun, 2)
        print(json.dumps({**_counts(people), "gathered": gathered, **_written(settings, people)}))  # noqa: T201
    return 0


def _counts(people: tuple[HandedPerson, ...]) -> dict[str, int]:
    names = ("sightings", "statements", "contradictions")
    return {"people": len(people), **{name: sum(len(getattr(one, name)) for one in people) for name in names}}


def _written(settings: Settings, people: tuple[HandedPerson, ...]) -> dict[str, object]:
    made: dict[str, object] = {}
    handing = exchange.handing(settings, Wanted("bench", "bench", "bench"))
    for format_ in Format:
        begun = perf_counter()
        content = write(format_, handing, people)
        made[str(format_)] = {"seconds": round(perf_counter() - begun, 2), "bytes": len(content)}
    return made


if __name__ == "__main__":
    sys.exit(main())
