"""Posts whose words name somebody in the register: hints of their own, which no face has to go with.

Where a face of the post's pictures waits to be compared with somebody, the post may tell whoever is asked whom they
look at: nothing of it is shown to reviewers before they have answered, or it is settled (`decided.kept_back`).
"""

from starlette.requests import Request
from starlette.responses import Response

from review.desk import desk_of
from review.doors import number_in, user_of
from storage import custody, decided, name_hints
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.name_hints import Listed, Page

ROWS_A_PAGE = 25


def hints(request: Request) -> Response:
    """A page of them, the newest first.  That it was looked at stands in the custody log before it is shown."""
    desk, user = desk_of(request), user_of(request)
    older, newer = number_in(request, "older_than"), number_in(request, "newer_than")
    with desk.stores.db.begin() as db:
        page = name_hints.page(db, ROWS_A_PAGE, older_than=older, newer_than=newer)
        rows = told(db, user, page)
        custody.append(db, user.name, Action.VIEWED, "hints", {"hints": [row.id for row in rows]})
    return desk.draw(request, "hints.html", page=page, rows=rows, kept_back=len(page.rows) - len(rows))


def told(db: Connection, user: User, page: Page) -> list[Listed]:
    """Of a page those that say nothing of what this person may still be asked."""
    kept_back = decided.kept_back(db, user, [row.post for row in page.rows])
    return [row for row in page.rows if row.post not in kept_back]
