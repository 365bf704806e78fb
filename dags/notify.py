"""
# Tell operators

Looks whether a rule raises an alert (a backlog that grows, items set aside, workers that die, a full disk, no runs),
then sends what is due of all alerts, by webhook and e-mail: each once when it is raised, and once when it has ended.

- **When it fails**: the database is away, or it is lastseen's own fault. A receiver that is away fails nothing: what
  did not go out comes again, later each time; `lastseen alerts` says what waits and why.
- **By hand**: `lastseen alerts send` does the same; `lastseen alerts test` sends a message that is no alert.
- **Again**: what was sent is not sent twice.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="*/5 * * * *",
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params={"dry_run": wiring.DRY_RUN},
    tags=["lastseen", "monitoring"],
    doc_md=__doc__,
)
def notify() -> None:
    """What stands in, messages out."""

    wiring.duty("notify", "Tell operators what is due.", wiring.TELLING)


notify()
