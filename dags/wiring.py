"""What the DAGs share: their parameters, and the pair of tasks that every step has (plan, then work batch by batch)."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from airflow.sdk import Asset, Param, get_current_context, task
from airflow.task.trigger_rule import TriggerRule

OWNER = "lastseen"
DEFAULTS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
    "execution_timeout": timedelta(hours=8),  # six films of four hours at their deadline, the longest batch there is
}

TELEGRAM_POOL = "telegram"
"""with a slot for each account; made by `lastseen up`, and by docker-compose.yml"""

POSTS = Asset("lastseen://posts")
TRACKS = Asset("lastseen://tracks")
REGISTER = Asset("lastseen://register")
CANDIDATES = Asset("lastseen://candidates")

SOURCE = Param(None, type=["null", "integer"], minimum=1, title="Source", description_md="Only this source's id.")
SINCE = Param(
    None,
    type=["null", "string"],
    format="date",
    title="Since",
    description_md="Only posts published (or, if that is unknown, first seen) since this day, UTC.",
)
BLOB = Param(
    None,
    type=["null", "string"],
    pattern="^[0-9a-f]{64}$",
    title="Blob",
    description_md="Only this blob, by its sha256.",
)
RETRY = Param(
    False,
    type="boolean",
    title="Retry",
    description_md="Also what did not get through before (failed, quarantined), or not whole.",
)
DRY_RUN = Param(False, type="boolean", title="Dry run", description_md="Log what would be done, and do nothing.")

BEGIN = Param(
    None,
    type=["null", "string"],
    pattern="^([0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2})$",
    title="Read anew from",
    description_md="Number of a post, or day (UTC), from which on posts of `source` are read again.",
)
END = Param(
    None,
    type=["null", "string"],
    pattern="^([0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2})$",
    title="Read anew up to",
    description_md="Number of the last post, or last day (UTC), that is read again.",
)
WHOLE = Param(
    False,
    type="boolean",
    title="Whole list",
    description_md="List sources to their end now, as is done weekly, and look soon for posts that left their list.",
)
MEDIA_ONLY = Param(
    False, type="boolean", title="Media only", description_md="Fetch what posts carry, and read no posts."
)

SCOPE = {"source": SOURCE, "since": SINCE, "blob": BLOB, "retry": RETRY, "dry_run": DRY_RUN}
"""the parameters of a DAG that works on what posts carry"""


def step(
    command: str, name: str, outlets: list[Asset] | None = None, platform: str | None = None, called: str = ""
) -> Any:
    """Plan and work off one step, or what it has to do on one platform.  Returns both tasks, for `in_order`.

    The plan runs when the step before is over, however it ended: what got through there goes on.  `called`: what the
    task is called, where a step is there twice.
    """

    @task(task_id=f"plan_{called or name}", trigger_rule=TriggerRule.ALL_DONE)
    def plan() -> list[list[int]]:
        """Choose what is due, in batches."""
        from pipeline import tasks

        return tasks.plan(command, name, dict(get_current_context()["params"]), platform)

    return _worked(name, called or name, plan(), outlets)


def step_by_account(command: str, name: str, outlets: list[Asset] | None = None) -> Any:
    """The same for what a step has to do on Telegram: one task for each account, which has one user at a time."""

    @task(task_id=f"plan_{name}", trigger_rule=TriggerRule.ALL_DONE)
    def plan() -> list[list[int]]:
        """Choose what is due, together what one account reads."""
        from pipeline import tasks

        return tasks.plan_by_account(command, name, dict(get_current_context()["params"]))

    return _worked(name, name, plan(), outlets, pool=TELEGRAM_POOL)


def _worked(name: str, called: str, planned: Any, outlets: list[Asset] | None, **more: Any) -> Any:
    """A plan, and a task for each batch of it."""

    @task(task_id=called, outlets=outlets or [], **more)
    def work(batch: list[int]) -> dict[str, int]:
        """Work one batch off."""
        from pipeline import tasks

        return tasks.work(name, batch)

    return planned, work.expand(batch=planned)


def in_order(*steps: Any) -> None:
    """Each step's plan waits for the work of the one before, and the end says whether all of them succeeded.

    Airflow takes the state of a run from its last tasks.  A failed batch of an earlier step would not show there,
    since the later steps run all the same: so all work leads to one last task, which fails with any of it.
    """
    for (_, before), (after, _) in pairwise(steps):
        before >> after
    side_by_side(*steps)


def side_by_side(*steps: Any) -> None:
    """No step waits for another, and the end says whether all of them succeeded."""

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def all_went_through() -> None:
        """Fail the run if any part of it failed; a step with nothing to do is fine."""

    [work for _, work in steps] >> all_went_through()
