"""
# Make packages of evidence

Makes the packages that seniors asked for on the pages, and removes those that were there for seven days.

- **When it fails**: what was not made is tried again by the next run; why a package cannot be made stands on the page
  of its possible sighting.
- **By hand**: `lastseen packages` does the same; `dry_run` only logs how many are asked for.
- **Again**: what was made is not made twice.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="*/10 * * * *",
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params={"dry_run": wiring.DRY_RUN},
    tags=["lastseen", "evidence"],
    doc_md=__doc__,
)
def packages() -> None:
    """What was asked for in, packages out."""

    wiring.duty("packages", "Make what is asked for.")


packages()
