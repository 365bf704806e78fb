"""What did not get through, as an office reads it."""

import pytest
from sqlalchemy import text

from storage import status
from storage.database import Engine

FAULT = text("""
    INSERT INTO work (step, subject, state, outcome, settled_at)
    SELECT :step, subject, 'failed', 'DEFECT', timestamptz '2026-01-01' + :days * interval '1 day'
      FROM unnest(CAST(:subjects AS bigint[])) AS subject""")
REFUSED = text("""
    INSERT INTO refusals (kind, subject, outcome, why, refused_at)
    VALUES ('register', 'file.csv', 'DEFECT', '', '2026-01-02 12:00')""")


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        (1, ["illustrate 3"]),
        (2, ["illustrate 3", "register file.csv"]),
        (4, ["illustrate 3", "register file.csv", "illustrate 1", "illustrate 2"]),
        (
            9,
            [
                "illustrate 3",
                "register file.csv",
                "illustrate 1",
                "illustrate 2",
                "names words of observations 256 to 511",
            ],
        ),
    ],
)
def test_the_newest_troubles_come_first_and_those_of_one_moment_by_their_names(
    db: Engine, limit: int, shown: list[str]
) -> None:
    with db.begin() as one:
        one.execute(FAULT, {"step": "names", "days": 1, "subjects": [1]})
        one.execute(FAULT, {"step": "illustrate", "days": 1, "subjects": [2, 1]})
        one.execute(FAULT, {"step": "illustrate", "days": 2, "subjects": [3]})
        one.execute(REFUSED)
        one.execute(text("INSERT INTO work (step, subject, state) VALUES ('illustrate', 4, 'done')"))
        found = [f"{trouble.step} {trouble.item}" for trouble in status.troubles(one, limit)]
    assert found == shown
