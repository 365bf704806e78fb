"""
# Read the sources on video sites, and fetch what their pages show

Reads the newest posts of every source on the allow-list, and once a week the whole list; keeps what each looks like
now as an observation with its raw record in the evidence; then fetches media that are not yet stored (hashed, read
back, locked). One task for each site, which is asked a pause apart.

- **When it fails**: a source that does not answer is tried again by itself; `lastseen status` names what did not get
  through, and why. A site that refuses us as a whole is asked by nobody for a while (`lastseen site list`); its
  sources wait, and an alert says so. Where a site names a moment within half an hour, the task goes on by itself
  then. Nothing is collected while `LASTSEEN_LEGAL_BASIS` is not set.
- **By hand**: `source` reads one source only; `since` and `until` (days) fetch only what posts of those days carry (a
  list has no days: it is read as always); `whole` lists to the end; `retry` also what did not get through,
  `retry_only` nothing else; `dry_run` only logs what is due.
- **Backfill**: each run fetches what posts of its hour carry; give it `{"retry": true}` for what did not get through.
- **Again**: a post that looks as it did adds nothing, a file that is held is not fetched again.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule=wiring.hourly(0),
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params={
        **wiring.PERIOD,
        "whole": wiring.WHOLE,
        **wiring.AGAIN,
    },
    tags=["lastseen", "collect"],
    doc_md=__doc__,
)
def collect_video_sites() -> None:
    """Sources in, posts and blobs out."""
    wiring.in_order(
        wiring.step("collect", "collect", [wiring.POSTS], "video_site", kind=wiring.VIDEO_SITES),
        wiring.step("fetch", "fetch", [wiring.BLOBS], "video_site", kind=wiring.VIDEO_SITES_MEDIA),
    )


collect_video_sites()
