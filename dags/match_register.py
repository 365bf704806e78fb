"""
# Compare posts with the register

Compares the words of posts with the register's names (hints of their own, which raise the rank of a face in the same
post), then new tracks with the whole register, queues candidates (at most five people a track), and cuts the moment
that analysts will look at. New reference photos are compared with the kept tracks by `rematch_register`.

- **When it fails**: nothing is queued half; run it again. A template that does not open names the key that is
  missing. A batch that fails stops nothing else: the run is red by its last task, and the next run takes the batch
  up.
- **By hand**: `source`, `since`, `until` and `blob` choose whose tracks; `force` compares them again; `retry` also
  what did not get through, `retry_only` nothing else; `dry_run` only logs what is due. One person's photos:
  `rematch_register`.
- **Again**: a pair is queued once, whatever the order of runs.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule=wiring.when_new(wiring.POSTS | wiring.TRACKS, 35),
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params=wiring.SCOPE,
    tags=["lastseen", "match"],
    doc_md=__doc__,
)
def match_register() -> None:
    """Words and tracks in; hints and candidates out."""
    wiring.in_order(
        wiring.step("names", "names"),
        wiring.step("names", "lists"),
        wiring.step("match", "match_tracks"),
        wiring.step("match", "illustrate", outlets=[wiring.CANDIDATES]),
    )


match_register()
