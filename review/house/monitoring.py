"""The figures of the office for monitoring: Prometheus asks for them with a token of a program."""

from starlette.requests import Request
from starlette.responses import Response

from lastseen import exposition
from review.desk import desk_of
from storage import monitoring


def metrics(request: Request) -> Response:
    """Counts and ages, in Prometheus' text form; worked out once in some seconds, whoever asks how often."""
    desk = desk_of(request)

    def worked_out() -> bytes:
        with desk.stores.db.begin() as db:
            return exposition.text_of(monitoring.figures(db))

    return Response(desk.metrics.get(worked_out), media_type=exposition.MEDIA_TYPE)
