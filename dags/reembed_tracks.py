"""
# Make kept tracks ready for another engine

After `LASTSEEN_ENGINE` was changed, or its weights were: tracks that the old engine found get templates of the new
one from their kept pictures, without decoding a film again, and are compared with the register. So are those of a
file that somebody had analysed with another engine, as soon as that is done.

- **When it fails**: run it again; what is done stays. Tracks whose faces have expired, whose pictures are gone, or on
  which the new engine finds no face are counted in `lastseen status`, not failures.
- **By hand**: `source`, `since`, `until` and `blob` choose whose tracks; `retry` also what did not get through, or
  not whole, `retry_only` nothing else; `dry_run` only logs what is due.
- **Again**: a track that has templates of the engine is not embedded again.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule=wiring.when_new(wiring.OTHERS_TRACKS, 40),
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={**wiring.PERIOD, "blob": wiring.BLOB, **wiring.AGAIN},
    tags=["lastseen", "match"],
    doc_md=__doc__,
)
def reembed_tracks() -> None:
    """Kept pictures in, templates and candidates out."""
    wiring.in_order(
        wiring.step("reembed", "reembed"),
        wiring.step("reembed", "match_tracks"),
        wiring.step("reembed", "illustrate", outlets=[wiring.CANDIDATES]),
    )


reembed_tracks()
