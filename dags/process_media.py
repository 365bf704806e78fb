"""
# Find the faces in what was fetched

Looks at each new blob in a child process that can reach nothing: its fingerprint, by which copies of one footage are
known, then shots, tracks, best shots, templates. What shows nothing but what an analysed file shows is not analysed
again.

- **When it fails**: a file that cannot be opened ends with its outcome class and reason in `lastseen status`, alone;
  the others go on. A worker that dies leaves its items to the next one. A task is red when more than half of its
  files did not get through: then something is wrong with more than one of them (the engine, the sandbox, the object
  store). It stops nothing else; the run is red by its last task, and the next run takes up what is left.
- **By hand**: `source`, `since` and `until` choose posts, `blob` one file by its sha256; `retry` also what did not
  get through or was left half-way, `retry_only` nothing else; `dry_run` only logs what is due, and how long it would
  take.
- **With another engine**: `engine`, and whose files. What it finds is kept beside what was found before; the office's
  own engine stays what it is: `reembed_tracks`, which is set off, makes the faces ready for it and has them compared.
- **Backfill**: each run is about what posts of the hour before it carry.
- **Again**: analysed blobs are not analysed again by the same recipe, unless `force` says so; then what it finds is
  kept beside the old analysis, if it says anything else.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule=wiring.when_new(wiring.BLOBS, 25),
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={**wiring.SCOPE, "engine": wiring.ENGINE},
    tags=["lastseen", "analyze"],
    doc_md=__doc__,
)
def process_media() -> None:
    """Blobs in, tracks out."""
    wiring.in_order(
        wiring.step("analyze", "fingerprint"),
        wiring.step("analyze", "analyze", outlets=[wiring.TRACKS, wiring.PERHAPS_OTHERS]),
    )


process_media()
