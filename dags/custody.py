"""
# Sign the custody log

Signs the head of the custody log, if it has grown since it was signed last, and asks the witnesses to cosign it.

- **When it fails**: the log is not what was signed before, or a witness says so. `lastseen status` shows the alert;
  docs/operate.md says what to do. A witness that is away is asked again by the next run, and fails nothing.
- **By hand**: `lastseen custody sign` does the same; `dry_run` only logs how much came since the last head.
- **Again**: nothing is signed while nothing is logged.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="15 * * * *",
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params={"dry_run": wiring.DRY_RUN},
    tags=["lastseen", "evidence"],
    doc_md=__doc__,
)
def custody() -> None:
    """The log in, a signed head out."""

    wiring.duty("sign_custody", "Sign, and ask the witnesses.", wiring.AT_ONCE)


custody()
