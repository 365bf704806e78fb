"""Items of work are counted by one statement, right and without reading one of their rows."""

from sqlalchemy import text

from storage import status, tallies, watching
from storage.database import Engine
from storage.tallies import Stage, Tally

ITEMS = """
    INSERT INTO work (step, subject, recipe, state, outcome, ready_at, lease, created_at) VALUES
        ('fetch', 1, '', 'open', NULL, now() - interval '1 minute', NULL, '2026-01-02'),
        ('fetch', 2, '', 'open', 'WAIT', '2099-01-01', NULL, '2026-01-01'),
        ('fetch', 3, '', 'open', NULL, now() + interval '1 minute', gen_random_uuid(), '2026-01-03'),
        ('fetch', 4, '', 'open', NULL, now() - interval '1 minute', gen_random_uuid(), '2026-01-03'),
        ('fetch', 5, '', 'done', NULL, now(), NULL, now()),
        ('analyze', 1, 'new', 'done', 'DEFECT', now(), NULL, now()),
        ('analyze', 1, 'old', 'done', NULL, now(), NULL, now()),
        ('analyze', 2, 'old', 'quarantined', 'DEFECT', now(), NULL, now()),
        ('reembed', 1, 'dlib', 'open', NULL, now(), NULL, '2026-01-04')"""


def seed(db: Engine) -> None:
    with db.begin() as connection:
        connection.execute(text(ITEMS))


def test_every_item_is_counted_once_and_where_it_stands(db: Engine) -> None:
    """Also one whose worker was killed: its lease has run out, and whoever comes next takes it up."""
    seed(db)
    with db.begin() as connection:
        found = tallies.read(connection)
    assert sum(one.items for one in found) == 9
    assert Tally("analyze", "new", "done", "DEFECT", 1, 0, 0, None, None) in found
    waiting = {one.step: one for one in tallies.stages(found)}
    fetch = waiting["fetch"]
    assert (fetch.ready, fetch.resting, fetch.in_work, fetch.items) == (2, 1, 1, 4)
    assert fetch.until is not None
    assert (fetch.until.year, fetch.oldest.isoformat()) == (2099, "2026-01-01T00:00:00+00:00")
    assert isinstance(waiting["reembed"], Stage)
    assert tallies.by_outcome(found) == {"WAIT": 1, "DEFECT": 2}


def test_pages_commands_and_rules_say_the_same(db: Engine) -> None:
    seed(db)
    with db.begin() as connection:
        counts = status.counts(connection)
        waiting = watching.waiting(connection)
    assert counts["media_items"] == {"pending": 4, "stored": 1}
    assert counts["analyses"] == {"done": 2, "quarantined": 1}
    assert counts["reembeddings"] == {"dlib pending": 1}
    not_done = {"analyze quarantined": 1, "fetch in work": 1, "fetch open": 3, "reembed open": 1}
    assert counts["steps_not_done"] == not_done
    assert counts["outcomes"] == {"DEFECT": 2, "WAIT": 1}
    assert waiting == {"fetch": 2, "reembed": 1}


def test_no_row_of_an_item_is_read_to_count_it(db: Engine, owner: Engine) -> None:
    """And of what did not get through only the newest are."""
    with db.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO work (step, subject, state, outcome)
            SELECT 'fetch', n, CASE n % 10 WHEN 1 THEN 'open' WHEN 2 THEN 'failed' ELSE 'done' END,
                   CASE n % 10 WHEN 2 THEN 'DEFECT' END FROM generate_series(1, 20000) AS n""")
        )
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE work"))
    with db.connect() as connection:
        plans = [
            "\n".join(connection.execute(text(f"EXPLAIN {statement}"), {"limit": 50}).scalars())
            for statement in (tallies.TALLIES, status.TROUBLES)
        ]
    for index in ("ix_work_done", "ix_work_ended", "ix_work_ready"):
        assert f"Index Only Scan using {index}" in plans[0]
    assert "ix_work_troubles" in plans[1]
    for plan in plans:
        assert "Seq Scan on work" not in plan
