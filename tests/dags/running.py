"""Runs a DAG in a process of Airflow's, and tells what became of its tasks."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lastseen.clock import utcnow
from tests.office import Office

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG


@dataclass(frozen=True, slots=True)
class Told:
    """How a run ended."""

    state: str
    tasks: Mapping[str, Sequence[str]]
    """task -> the states of its batches"""
    tries: int
    """the most that a task needed"""
    put_off: int
    """how often a task was to go on later"""
    events: tuple[str, ...]
    """of assets"""


def run(
    office: Office, dag: str, failing: int | None = None, backfill: str = "", scheduled: str = "", cleared: int = 0,
    **params: object,
) -> Told:  # fmt: skip
    """Run a DAG once.

    `failing`: the batch with this item breaks down, and each item has a batch of its own.  `backfill`: as the run of
    that moment, which an hourly DAG has a data interval from or up to.  `scheduled`: as the one that its schedule has
    at that moment, and that was `cleared` so often.
    """
    order = json.dumps({
        "dag": dag, "params": params, "failing": failing, "backfill": backfill, "scheduled": scheduled,
        "cleared": cleared,
    })  # fmt: skip
    told = json.loads(office.under_airflow("tests.dags.running:main", order).splitlines()[-1])
    return Told(**{**told, "events": tuple(told["events"])})


def main(bag: "DagBag", order: str) -> int:
    """In a process of Airflow's.  Prints how the run ended."""
    asked = json.loads(order)
    dag = bag.dags[asked["dag"]]
    for task in dag.tasks:
        task.retry_delay = timedelta()  # they would rest for minutes
    if asked["failing"] is not None:
        _fail_with(asked["failing"])
    if asked["backfill"]:
        _take_from_backfill(dag, datetime.fromisoformat(asked["backfill"]), asked["params"])
    if asked["scheduled"]:
        _take_as_scheduled(datetime.fromisoformat(asked["scheduled"]), asked["cleared"])
    run = dag.test(run_conf=asked["params"])
    json.dump(_told(run), sys.stdout)
    return 0


def _told(run: Any) -> dict[str, object]:
    from airflow.models.asset import AssetEvent
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    tasks: dict[str, list[str]] = {}
    instances = sorted(run.get_task_instances(), key=lambda ti: (ti.task_id, ti.map_index))
    for ti in instances:
        tasks.setdefault(ti.task_id, []).append(str(ti.state))
    made = select(AssetEvent).where(AssetEvent.source_run_id == run.run_id).order_by(AssetEvent.id)
    with create_session() as session:
        ids = [ti.id for ti in instances]
        put_off = session.scalar(select(func.count()).where(TaskReschedule.ti_id.in_(ids)))
        events = [event.uri.removeprefix("lastseen://").rstrip("/") for event in session.scalars(made)]
    tries = max(ti.try_number for ti in instances)
    return {"state": str(run.state), "tasks": tasks, "tries": tries, "put_off": put_off, "events": events}


def _fail_with(item: int) -> None:
    """The batch of an item breaks down, as if its worker had."""
    from pipeline import batches, tasks

    batches.MOST_ITEMS = 1  # type: ignore[misc]  # so that each has a task of its own
    work = tasks.work

    def fail_with_one(step: str, batch: Sequence[int], *rest: Any) -> tasks.Batch:
        if step == "analyze" and item in batch:
            raise RuntimeError("a batch that fails")
        return work(step, batch, *rest)

    tasks.work = fail_with_one  # type: ignore[assignment]  # as the wiring calls it


def _take_as_scheduled(moment: datetime, cleared: int) -> None:
    """Have what `dag.test` makes be the run that the schedule made, and that has begun only now."""
    from airflow.models import dagrun

    make = dagrun.get_or_create_dagrun

    def prepared(**given: Any) -> Any:
        made = make(**given)
        made.run_type, made.clear_number, made.start_date = "scheduled", cleared, utcnow()
        made.run_after = made.data_interval_start = made.data_interval_end = moment
        given["session"].commit()
        return made

    dagrun.get_or_create_dagrun = prepared


def _take_from_backfill(dag: "DAG", hour: datetime, conf: Mapping[str, object]) -> None:
    """Have Airflow make a backfill's run of that hour, and `dag.test` take that run instead of making one."""
    from airflow.models import dagrun
    from airflow.models.backfill import Backfill, ReprocessBehavior, _create_backfill
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import select, update

    def prepared(*, dag: Any, session: Any, **_: object) -> Any:
        session.execute(update(Backfill).values(completed_at=utcnow()))  # those of before, which no scheduler ended
        session.commit()
        _create_backfill(
            dag_id=dag.dag_id, from_date=hour, to_date=hour, max_active_runs=1, reverse=False, dag_run_conf=dict(conf),
            triggering_user_name="test", reprocess_behavior=ReprocessBehavior.COMPLETED,
        )  # fmt: skip
        run = dagrun.DagRun
        made = session.scalars(select(run).where(run.run_type == "backfill").order_by(run.id.desc())).first()
        assert made is not None
        assert made.dag_id == dag.dag_id
        made.dag, made.state = dag, DagRunState.RUNNING
        session.commit()
        return made

    dagrun.get_or_create_dagrun = prepared
    with create_session() as session:
        session.commit()
