"""
# Make kept tracks ready for another engine

After `LASTSEEN_ENGINE` was changed, or its weights were: tracks that the old engine found get templates of the new one
from their kept pictures, without decoding a film again, and are compared with the register. Nothing to do otherwise.

- **When it fails**: run it again; what is done stays. Tracks whose faces have expired, whose pictures are gone, or on
  which the new engine finds no face are counted in `lastseen status`, not failures.
- **By hand**: `source`, `since` and `blob` choose whose tracks; `retry` also what did not get through, or not whole;
  `dry_run` only logs what is due.
- **Again**: a track that has templates of the engine is not embedded again.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="40 * * * *",
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS,
    params=wiring.SCOPE,
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
