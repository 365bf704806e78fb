"""
# Read the sources on video sites

Reads the newest posts of every source on the allow-list, keeps what each looks like now as an observation with its
raw record in the evidence, and queues media that are not yet stored.

- **When it fails**: a source that does not answer is tried again by itself; `lastseen status` names what did not get
  through, and why. Nothing is collected while `LASTSEEN_LEGAL_BASIS` is not set.
- **By hand**: `source` reads one source only; `retry` also what did not get through; `dry_run` only logs what is due.
- **Again**: a post that looks as it did adds nothing.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="@hourly",
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS,
    params={"source": wiring.SOURCE, "retry": wiring.RETRY, "dry_run": wiring.DRY_RUN},
    tags=["lastseen", "collect"],
    doc_md=__doc__,
)
def collect_video_sites() -> None:
    """Source in, posts out."""
    wiring.step("collect", "collect", outlets=[wiring.POSTS], platform="video_site")


collect_video_sites()
