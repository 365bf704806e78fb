"""
# Compare new photos with the kept tracks

Bundles the reference photos that wait (new, changed, of people who are missing again, enrolled by another engine) into
one sweep, and reads all kept tracks once for all of them: a shard of 65,536 templates at a time, the shards shared out
among the workers. Queues candidates, and cuts the moment that analysts will look at.

- **When it fails**: nothing is queued half; run it again, and the shards that are left are taken up. A template that
  does not open names the key that is missing. A batch that fails stops nothing else: the run is red by its last task.
- **By hand**: `everything` compares all photos again (as after a change of the threshold), `photo` one by its id;
  `retry` also shards that did not get through; `dry_run` only logs what is due.
- **Again**: a pair is queued once, however often it is compared.
"""

from airflow.sdk import Param, dag, get_current_context, task

from dags import wiring


@dag(
    schedule=[wiring.REGISTER],
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS,
    params={
        "everything": Param(
            False, type="boolean", title="Everything", description_md="Compare the photos of everybody missing again."
        ),
        "photo": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Photo",
            description_md="Compare this photo (its id) again.",
        ),
        "retry": wiring.RETRY,
        "dry_run": wiring.DRY_RUN,
    },
    tags=["lastseen", "match"],
    doc_md=__doc__,
)
def rematch_register() -> None:
    """Photos in, candidates out."""

    @task
    def ask() -> dict[str, int]:
        """Have photos compared again, if the parameters say so."""
        from pipeline import tasks

        return tasks.ask_rematch(dict(get_current_context()["params"]))

    asked = ask()
    wiring.in_order(
        (asked, asked),
        wiring.step("match", "sweep"),
        wiring.step("match", "illustrate", outlets=[wiring.CANDIDATES]),
    )


rematch_register()
