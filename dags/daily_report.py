"""
# Report each day that is over

Counts what came in, was analysed, found and decided on a day (UTC), how many possible sightings this year has, and what
is unaccounted for; draws it as one page in each language, and keeps it where the review pages show it (*Reports*). It
runs at a quiet hour, for the day before. The month and the year that were over last are reported with it, once, as the
records stood at their end.

- **When it fails**: what was not made is not kept; run it again, by hand with `day`. How things stood can only be told
  until the next day is over, too; the figures of the day itself can be counted at any time.
- **By hand**: `day`, or `since` and `until`, report days that have no report yet; `force` reports again, and the
  earlier report stays beside the new one; `dry_run` only logs which days are due.
- **Months and years**: whichever run comes first after one is over reports it, also days later, with the same figures;
  runs that are about given days leave them alone. Those of before: `lastseen report month 2026-10 --as-of 2026-10-31`.
- **Backfill**: each run reports the day before it, if it has no report yet.
- **Again**: a day that has its report is left alone.
"""

from airflow.sdk import Param, dag

from dags import wiring


@dag(
    schedule="40 4 * * *",  # the nightly duties are over, and nobody works yet
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={
        "day": Param(
            None,
            **wiring.DAY,
            title="Day",
            description_md="Only this day (UTC); without any the one that was over last.",
        ),
        "since": Param(None, **wiring.DAY, title="Since", description_md="Each day from this one on, up to `until`."),
        "until": Param(
            None,
            **wiring.DAY,
            title="Until",
            description_md="The last of several days; without it the one that was over last.",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Force",
            description_md="Report again what is reported already; the earlier report stays.",
        ),
        "dry_run": wiring.DRY_RUN,
    },
    tags=["lastseen", "office"],
    doc_md=__doc__,
)
def daily_report() -> None:
    """A day in, its report out."""

    wiring.duty("daily_report", "Report what is due.")


daily_report()
