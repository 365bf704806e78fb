"""
# Read the evidence again

Probes the object store's lock, follows the custody chain, compares rows, log and store, and reads and hashes a day's
share of the evidence again, what was read longest ago first: all of it within `LASTSEEN_FIXITY_DAYS`. On the way it
makes locks longer that would end before the next look, tells the store of legal holds on what has come since, and goes
on with erasures that were cut short.

- **When it fails**: the lock is not kept, or something does not stand. `lastseen incidents` says what; nothing is
  repaired by itself. If the store was away, the next run goes on where this one ended.
- **By hand**: `minutes` bounds the reading; `dry_run` only logs how much is due.
- **Again**: a second run on the same day reads the next share.
"""

from airflow.sdk import Param, dag

from dags import wiring

MINUTES = Param(
    None,
    type=["null", "number"],
    minimum=0,
    title="Minutes",
    description_md="Begin to read nothing more after so many.",
)


@dag(
    schedule="20 2 * * *",
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={"minutes": MINUTES, "dry_run": wiring.DRY_RUN},
    tags=["lastseen", "evidence"],
    doc_md=__doc__,
)
def fixity() -> None:
    """Evidence in, incidents out."""

    wiring.duty("fixity", "Read what is due.")


fixity()
