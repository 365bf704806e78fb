"""
# Make the files of letters

Makes the draft of each letter that was written on the pages, and of each that another officer approved the files that
may be sent: PDF and DOCX with the annex and, where it was asked for, packages of evidence. Drafts of letters that were
sent go, and all files of those that never will be.

- **When it fails**: what was not made is tried again by the next run; why a file cannot be made stands on the page of
  its letter.
- **By hand**: `lastseen letters make` does the same; `dry_run` only logs how many wait.
- **Again**: what was made is not made twice.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="*/5 * * * *",
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params={"dry_run": wiring.DRY_RUN},
    tags=["lastseen", "letters"],
    doc_md=__doc__,
)
def letters() -> None:
    """Letters that were written or approved in, files out."""

    wiring.duty("letters", "Make what waits.")


letters()
