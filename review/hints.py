"""Posts whose words name somebody in the register: hints of their own, which no face has to go with."""

from starlette.requests import Request
from starlette.responses import Response

from review.desk import desk_of
from review.doors import number_in, user_of
from storage import custody, name_hints
from storage.custody import Action

ROWS_A_PAGE = 25


def hints(request: Request) -> Response:
    """A page of them, the newest first.  That it was looked at stands in the custody log before it is shown."""
    desk, user = desk_of(request), user_of(request)
    older, newer = number_in(request, "older_than"), number_in(request, "newer_than")
    with desk.stores.db.begin() as db:
        page = name_hints.page(db, ROWS_A_PAGE, older_than=older, newer_than=newer)
        custody.append(db, user.name, Action.VIEWED, "hints", {"hints": [row.id for row in page.rows]})
    return desk.draw(request, "hints.html", page=page)
