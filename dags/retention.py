"""
# Delete what may not be kept

Faces that match nobody lose their crops, best shots and templates after `LASTSEEN_RETENTION_DAYS`; reference photos of
people who are no longer missing go after `LASTSEEN_PHOTO_RETENTION_DAYS`. What is under a legal hold stays, and so do
the faces of candidates that wait, of undecided ones and of possible sightings.

- **When it fails**: nothing is half gone for good; the next run takes what this one left.
- **By hand**: `dry_run` only logs how much would go.
- **Again**: what is gone is gone; a second run finds nothing.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="50 3 * * *",
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={"dry_run": wiring.DRY_RUN},
    tags=["lastseen", "evidence"],
    doc_md=__doc__,
)
def retention() -> None:
    """Nobody's faces in, nothing out."""

    wiring.duty("retention", "Delete what is due.")


retention()
