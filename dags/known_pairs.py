"""
# Choose known pairs

Chooses pairs of the register's own photos of which is known whether they show one person, and makes their pictures and
films.
Among the candidates they measure how often the people who review are wrong (`LASTSEEN_KNOWN_PAIRS`). Pairs that are not
certain any more, or that everybody has seen, are retired.

- **When it fails**: pairs without pictures are shown to nobody; the next run makes them.
- **By hand**: `lastseen known-pairs make` does the same; `dry_run` only logs how many are in use.
- **Again**: there are never more of each kind in use than are wanted.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="30 3 * * 1",
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={"dry_run": wiring.DRY_RUN},
    tags=["lastseen", "review"],
    doc_md=__doc__,
)
def known_pairs() -> None:
    """Photos of the register in, known pairs out."""

    wiring.duty("known_pairs", "Choose pairs, and make their pictures.", wiring.SWEEPS)


known_pairs()
