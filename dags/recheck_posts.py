"""
# Look again for posts that were read before

Looks for posts of Telegram, and reads pages of video sites, that are due: those of a day hourly, of a week daily, of
a month weekly, those with a candidate that waits or was confirmed daily. What has changed is a new observation; what
is not there is missing, and gone when a later look does not find it either. One task for each account, and one for
each site.

- **When it fails**: nothing is concluded from a channel or site that cannot be read; the next run looks again. A
  burst of deletions raises an alert in `lastseen status`, and has the source's media fetched before others'. A site
  that refuses us as a whole is asked by nobody for a while (`lastseen site list`).
- **By hand**: `source` looks at one source only; `since` and `until` (days) have posts of those days be looked for,
  and `blob` those that carry one file, though they are not due; `retry` also what did not get through, `retry_only`
  nothing else; `dry_run` only logs which sources are due.
- **Backfill**: each run looks for the posts of the hour before it.
- **Again**: a post that looks as it did adds nothing.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="30 * * * *",
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params={**wiring.PERIOD, "blob": wiring.BLOB, **wiring.AGAIN},
    tags=["lastseen", "collect"],
    doc_md=__doc__,
)
def recheck_posts() -> None:
    """Sources in, what has become of their posts out."""
    wiring.side_by_side(
        wiring.step_by_account("recheck", "recheck"),
        wiring.step("recheck", "recheck", None, "video_site", "recheck_video_sites", wiring.VIDEO_SITES),
    )


recheck_posts()
