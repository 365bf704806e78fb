"""
# Measure what distances are worth in this register

Looks at the register's pairs of different people, and keeps a proposal for the thresholds of the search. Nothing that
holds changes: `lastseen calibrations adopt` has a proposal hold, and a person decides that.

- **When it fails**: nothing was kept, and what held before holds.
- **By hand**: `lastseen calibrate` does the same and shows the proposal; `tracks_a_day` and `accept` take the place of
  what is measured and of `LASTSEEN_FALSE_CANDIDATES_A_DAY`; `dry_run` only logs what would be proposed.
- **Again**: each run keeps a proposal of its own.
"""

from airflow.sdk import Param, dag

from dags import wiring

TRACKS_A_DAY = Param(
    None,
    type=["null", "number"],
    minimum=0,
    title="Tracks a day",
    description_md="Tracks that are searched a day, instead of what came in the last four weeks.",
)
ACCEPT = Param(
    None,
    type=["null", "number"],
    exclusiveMinimum=0,
    title="False candidates a day",
    description_md="How many the analysts can look at in vain, instead of `LASTSEEN_FALSE_CANDIDATES_A_DAY`.",
)


@dag(
    schedule="30 2 1 * *",
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={"tracks_a_day": TRACKS_A_DAY, "accept": ACCEPT, "dry_run": wiring.DRY_RUN},
    tags=["lastseen", "matching"],
    doc_md=__doc__,
)
def calibrate() -> None:
    """The register in, proposed thresholds out."""

    wiring.duty("calibrate", "Measure, and keep the proposal.", wiring.SWEEPS)


calibrate()
