"""The DAG of the daily report, run for real: once a day, what is asked for by hand, and nothing twice."""

from datetime import timedelta

import pytest

from lastseen.clock import utcnow
from lastseen.settings import Settings
from storage import daily_reports
from storage.stores import Stores
from tests.office import Office

DAY = utcnow().date() - timedelta(days=1)


@pytest.mark.long
def test_the_dag_reports_a_day_once_and_by_hand_what_is_asked_for(settings: Settings, stores: Stores) -> None:
    office = Office(settings, stores)
    for params in (
        {"dry_run": True},
        {},
        {},
        {"since": str(DAY - timedelta(days=1))},
        {"day": str(DAY), "force": True},
    ):
        office.run_dags({"daily_report": params})
    with stores.db.begin() as db:
        made = [(line.day, line.made_by, line.newest) for line in daily_reports.listed(db)]
    assert made == [
        (DAY, "airflow", True),
        (DAY, "airflow", False),
        (DAY - timedelta(days=1), "airflow", True),
    ]
