"""
# Fetch media into the evidence, and find the faces in them

Fetches what the posts carry (hashed, read back, locked), then looks at each new blob in a child process that can reach
nothing: its fingerprint, by which copies of one footage are known, then shots, tracks, best shots, templates.
What shows nothing but what an analysed file shows is not analysed again.

- **When it fails**: an item that cannot be had or opened ends with its outcome class and reason in `lastseen status`;
  the others go on. A worker that dies leaves its items to the next one. A batch that fails stops nothing else: the
  run is red by its last task, and the next run takes the batch up.
- **By hand**: `source` and `since` choose posts, `blob` one file by its sha256; `retry` also what did not get through
  or was left half-way; `dry_run` only logs what is due.
- **Again**: stored media are not fetched again, analysed blobs are not analysed again by the same recipe.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule=[wiring.POSTS],
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS,
    params=wiring.SCOPE,
    tags=["lastseen", "analyze"],
    doc_md=__doc__,
)
def process_media() -> None:
    """Media items in, tracks out."""
    wiring.in_order(
        wiring.step("fetch", "fetch", platform="video_site"),
        wiring.step("analyze", "fingerprint"),
        wiring.step("analyze", "analyze", outlets=[wiring.TRACKS]),
    )


process_media()
