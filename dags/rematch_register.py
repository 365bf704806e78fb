"""
# Compare new photos and names with what is kept

Checks reference photos that nobody has checked yet (of people who are missing again, or after the engine was changed),
and looks at everybody's photos beside the others after a calibration. Compares the names of new entries with the words
of kept posts. Bundles the photos that wait into one sweep, and reads all kept tracks once for all of them: a shard of
65,536 templates at a time, the shards shared out among the workers. Queues candidates, and cuts the moment that
analysts will look at.

- **When it fails**: nothing is queued half; run it again, and the shards that are left are taken up. A template that
  does not open names the key that is missing. A batch that fails stops nothing else: the run is red by its last task.
- **By hand**: `everything` compares all photos again (as after a change of the threshold), `person` those of one
  entry by its register number, `photo` one by its id; `retry` also photos and shards that did not get through,
  `retry_only` nothing else; `dry_run` only logs what is due.
- **Again**: a pair is queued once, however often it is compared.
"""

from airflow.sdk import Param, dag

from dags import wiring


@dag(
    schedule=wiring.when_new(wiring.REGISTER, 45),
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={
        "everything": Param(
            False, type="boolean", title="Everything", description_md="Compare the photos of everybody missing again."
        ),
        "person": wiring.PERSON,
        "photo": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Photo",
            description_md="Compare this photo (its id) again.",
        ),
        **wiring.AGAIN,
    },
    tags=["lastseen", "match"],
    doc_md=__doc__,
)
def rematch_register() -> None:
    """Entries and photos in; templates, hints and candidates out."""
    asked = wiring.duty("ask_rematch", "Have photos compared again, if the parameters say so.", wiring.AT_ONCE)
    wiring.in_order(
        (asked, asked),
        wiring.step("enroll", "enroll"),
        wiring.step("enroll", "check_photos"),
        wiring.step("names", "names"),
        wiring.step("names", "lists"),
        wiring.step("match", "sweep"),
        wiring.step("match", "illustrate", outlets=[wiring.CANDIDATES]),
    )


rematch_register()
