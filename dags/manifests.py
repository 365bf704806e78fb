"""
# Manifests of days, and their time stamps

Makes the manifest of each day (UTC) that is over, signs the custody log, and has a statement under that signed head
stamped by the authorities and calendars that the settings name. It runs hourly: an authority that was away is asked
again.

- **When it fails**: a day or a stamp ends with its outcome class and reason in `lastseen status`, and `lastseen
  stamps` shows what waits since when. An authority that cannot be reached is waited for and fails nothing. The run is
  red when the custody log is not what was signed before: then nothing is stamped.
- **By hand**: `lastseen manifest` does the same; `retry` also what did not get through, `retry_only` nothing else;
  `dry_run` only logs what is due.
- **Again**: a day has one manifest, an authority stamps it once.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="20 * * * *",
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params=wiring.AGAIN,
    tags=["lastseen", "evidence"],
    doc_md=__doc__,
)
def manifests() -> None:
    """Days in, manifests and time stamps out."""
    steps = ("manifest", "statement", "stamp", "anchor", "upgrade")
    wiring.in_order(*(wiring.step("manifest", name) for name in steps))


manifests()
