"""
# Read the sources on video sites

Reads the newest posts of every source on the allow-list, and once a week the whole list; keeps what each looks like now
as an observation with its raw record in the evidence, and queues media that are not yet stored. One task for each site,
which is asked a pause apart.

- **When it fails**: a source that does not answer is tried again by itself; `lastseen status` names what did not get
  through, and why. A site that refuses us as a whole is asked by nobody for a while (`lastseen site list`); its sources
  wait, and an alert says so. Nothing is collected while `LASTSEEN_LEGAL_BASIS` is not set.
- **By hand**: `source` reads one source only; `whole` lists to the end; `retry` also what did not get through;
  `dry_run` only logs what is due.
- **Again**: a post that looks as it did adds nothing.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="@hourly",
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS,
    params={
        "source": wiring.SOURCE,
        "whole": wiring.WHOLE,
        "retry": wiring.RETRY,
        "dry_run": wiring.DRY_RUN,
    },
    tags=["lastseen", "collect"],
    doc_md=__doc__,
)
def collect_video_sites() -> None:
    """Source in, posts out."""
    wiring.step("collect", "collect", outlets=[wiring.POSTS], platform="video_site")


collect_video_sites()
