"""Processes of Airflow's for tests, forked from one that has started (see `tests.forked`).

It has imported Airflow and the steps, brought Airflow's database to the newest, parsed the DAGs, and had the API that
tasks ask make its routes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from dags import run_once
from tests.forked import Forker, Order, kept_output, serve

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

LOADED: Final = (
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "pipeline.tasks",
)
"""what every run would import"""


def call(environ: Mapping[str, str], log: Path, function: str, *arguments: str) -> str:
    """Call `module:function` with the DAGs and arguments, in a process of its own.  Returns what it printed.

    What Airflow says is added to `log`.  `function` returns an exit status, which has to be 0.
    """
    said = log.with_suffix(".said")
    said.unlink(missing_ok=True)
    forker = _forker(environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    with forker.lock:
        status = forker.ask(Order(environ, str(log.parent), str(said), str(log), [function, *arguments]))
    assert status == 0, f"{status}: {said.read_text()}{log.read_text()[-4000:]}"
    return said.read_text()


@cache
def _forker(database: str) -> Forker:
    return Forker("tests.airflow")


def run_dags(bag: "DagBag", *orders: str) -> int:
    """Run DAGs as `dags.run_once` does."""
    return run_once.run(bag, list(orders), run_once.keep_output_for_us())


async def make_routes() -> None:
    """Ask the API for what it has not: it makes its routes at the first question, which takes four seconds.

    It is asked without its lifespan, which would leave a thread behind.
    """
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    transport = in_process_api_server().atransport
    async with httpx.AsyncClient(transport=transport, base_url="http://in-process.invalid") as client:
        said = await client.get("/nothing")
    assert said.status_code == httpx.codes.NOT_FOUND, said


def main() -> None:
    """Start Airflow, and fork."""
    answers = kept_output()
    from airflow import settings

    bag = run_once.prepare()
    for module in LOADED:
        import_module(module)
    asyncio.run(make_routes())
    if settings.engine is not None:
        settings.engine.dispose()  # a connection is one process's own

    def child(arguments: Sequence[str]) -> int:
        module, _, function = arguments[0].partition(":")
        status: int = getattr(import_module(module), function)(bag, *arguments[1:])
        return status

    serve(child, answers)


if __name__ == "__main__":
    main()
