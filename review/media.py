"""Pictures and clips: re-encoded objects of the derived bucket, through the application and never by a link to the
store.  Bytes as they came from outside are not served at all.

What waits for an answer is shown under the address of a review (`review.reviewing.pictures`); here are the pictures of
what one has answered, or of what is decided.
"""

from collections.abc import Callable, Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from review.desk import desk_of
from review.doors import user_of
from storage import custody, findings, reviewing, roll_calls
from storage.accounts import SESSION_LIFETIME, User
from storage.custody import Action
from storage.database import Connection
from storage.objects import DERIVED, EXPORT, ObjectStore

CHUNK = 1024 * 1024
"""bytes of what leaves the office that are sent at once"""

Finder = Callable[[Connection, User, int], str | None]
"""(connection, who asks, row id) -> the object's key"""

# Addresses carry a mark of the object's key, so what they show never changes; a browser keeps them as long as a
# session lasts at most, and for one session only.
KEEP = {"Cache-Control": f"private, max-age={int(SESSION_LIFETIME.total_seconds())}, immutable", "Vary": "Cookie"}


class RangeNotSatisfiable(Exception):
    """No byte of the object lies in the range that was asked for."""


def crop(request: Request) -> Response:
    """The crop of one best shot."""
    return _picture(request, reviewing.shot_key)


def face(request: Request) -> Response:
    """A face of a roll call, whoever it is: each look stands in the custody log before the picture goes out."""
    desk, user, id_ = desk_of(request), user_of(request), _id(request)
    with desk.stores.db.begin() as db:
        key = _found(roll_calls.crop_key(db, id_))
    picture = desk.stores.objects.read(DERIVED, key)
    with desk.stores.db.begin() as db:
        custody.append(db, user.name, Action.VIEWED, f"shot:{id_}")
    # Not cached: a look that never reached us could not be recorded.
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


def photo(request: Request) -> Response:
    """The crop of a reference photo that a finding is about."""
    return _picture(request, lambda db, _, id_: findings.photo_key(db, id_))


def stretch(objects: ObjectStore, key: str, wanted: str) -> tuple[Response, int | None]:
    """Of a clip what a Range header asks for, and the first byte of it; None: nothing of it goes out.

    Not to be cached: a play that never reached us could not be recorded.
    """
    length = objects.size(DERIVED, key)
    try:
        span = byte_range(wanted, length)
    except RangeNotSatisfiable:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{length}"}), None
    first, last = span or (0, length - 1)
    content = objects.read_range(DERIVED, key, first, last + 1 - first)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    if span is None:
        return Response(content, 200, headers, "video/mp4"), first
    return Response(content, 206, {**headers, "Content-Range": f"bytes {first}-{last}/{length}"}, "video/mp4"), first


def byte_range(header: str, length: int) -> tuple[int, int] | None:
    """The first and last byte of a Range header (RFC 9110, 14.1.2) over `length` bytes; None: send everything.

    Several ranges, other units and malformed headers are ignored, as the standard allows.
    Raises RangeNotSatisfiable.
    """
    unit, _, spec = header.partition("=")
    start, dash, end = (part.strip() for part in spec.partition("-"))
    wanted = [part for part in (start, end) if part]
    if unit.strip().lower() != "bytes" or not dash or not wanted:
        return None
    if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in wanted):
        return None
    first = int(start) if start else max(0, length - int(end))
    last = min(int(end), length - 1) if start and end else length - 1
    if start and end and int(end) < first:
        return None
    if first >= length:
        raise RangeNotSatisfiable
    return first, last


def _picture(request: Request, find: Finder) -> Response:
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        key = _found(find(db, user_of(request), _id(request)))
    return Response(desk.stores.objects.read(DERIVED, key), media_type="image/jpeg", headers=KEEP)


def _found(key: str | None) -> str:
    if key is None:
        raise HTTPException(404)
    return key


def _id(request: Request) -> int:
    id_: int = request.path_params["id"]
    return id_


def pieces(objects: ObjectStore, key: str, size: int) -> Iterator[bytes]:
    """An object of the bucket for what leaves the office; no connection to the database is held meanwhile.

    Somebody's line may be slow.
    """
    for offset in range(0, size, CHUNK):
        yield objects.read_range(EXPORT, key, offset, min(CHUNK, size - offset))
