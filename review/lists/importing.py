"""The form by which a list comes in: a file, a preview, and nothing is written before somebody has seen that."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.records import Says
from lastseen.words import words
from matchers.lists import apart, previewing
from matchers.lists.mapping import FIELDS, SEVERAL
from matchers.lists.previewing import Preview
from matchers.lists.sheets import Wanted
from review.desk import Desk, desk_of
from review.doors import user_of, visit_of
from review.forms import day
from review.language import said
from review.lists import comparing
from storage import custody, decided, keys, lists, posts_as_lists
from storage.custody import Action
from storage.lists import Received
from storage.objects import REGISTER

LARGEST = 8 << 20
"""bytes of a file on this page: a list of 50,000 names; larger ones come in by the command"""
LARGEST_FORM = LARGEST * 3 // 2
"""bytes: a file that was previewed comes back as base64"""
LONGEST = {"post": 2048, "title": 200, "body": 200, "save_as": 100, "mapping": 100, "dates": 200, "values": 4000,
           "sheet": 200, "encoding": 40, "delimiter": 1, "file_name": 200}  # fmt: skip
"""characters of the fields"""
MOST_FAULTS = 200
"""rows with faults on the page; the list shows all of them once it is imported"""
MEDIA_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pfif": "application/xml",
    "text": "text/plain",
}


@dataclass(frozen=True, slots=True)
class Order:
    """A form that was filled in."""

    form: Mapping[str, str]
    name: str
    """of the file; of a post its link"""
    content: bytes
    post: int | None = None
    """row id, if the words of one are the list"""

    def of(self, field: str) -> str:
        """What stands in it.  Raises WrongUse if that is too long."""
        written = self.form.get(field, "").strip("\r\n " if field != "delimiter" else "\r\n")
        if len(written) > LONGEST.get(field, 1000):
            raise WrongUse(words("A field holds more than it should: {field}.", field=field))
        return written

    @property
    def columns(self) -> list[str]:
        """What was chosen by hand, once there was a preview to choose from."""
        if not self.form.get("chosen"):
            return []
        return [f"{field}={self.of(f'column-{field}')}" for field in FIELDS]

    @property
    def dated(self) -> date:
        """Raises WrongUse."""
        found = day(self.of("dated"))
        if found is None:
            raise WrongUse(words("Say of which day the list is."))
        return found


def page(request: Request) -> Response:
    """The empty form, or that for the words of a post."""
    link = request.query_params.get("post", "")[: LONGEST["post"]]
    return _draw(request, Order({"post": link}, "", b""))


def take(request: Request) -> Response:
    """A preview, or the import itself; what is wrong stands on the form, with everything that was filled in."""
    visit = visit_of(request)
    order = Order(visit.form, visit.file[0] or visit.form.get("file_name", ""), b"")
    preview: Preview | None = None
    try:
        order = _ordered(request, order, visit.file[1])
        preview, same = _preview(desk_of(request), order)
        if visit.form.get("do") == "import":
            _check(order, same)
            return RedirectResponse(f"/lists/{_keep(request, order, preview)}", 303)
    except WrongUse as fault:
        return _draw(request, order, preview, said(fault), status=422)
    return _draw(request, order, preview, same=same)


def _ordered(request: Request, order: Order, file: bytes) -> Order:
    """With its content: a file, what was previewed, or the words of a post.  Raises WrongUse."""
    link = order.of("post")
    if file or not link:
        return replace(order, content=_content(order.form, file))
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        post = posts_as_lists.find(db, link)
        if decided.kept_back(db, user, [post.id]):
            raise WrongUse(words("A face of this post waits to be compared, and you may be asked about it."))
        custody.append(db, user.name, Action.VIEWED, f"post:{post.id}")
    return Order(order.form, post.link, post.content, post.id)


def _content(form: Mapping[str, str], file: bytes) -> bytes:
    try:
        content = file or base64.b64decode(form.get("content", ""), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise WrongUse(words("Choose a file, or say which post it is."))
    if len(content) > LARGEST:
        raise WrongUse(
            words("This file has more than {most} MiB: `lastseen lists import` takes larger ones.", most=LARGEST >> 20)
        )
    return content


def _preview(desk: Desk, order: Order) -> tuple[Preview, int | None]:
    with desk.stores.db.begin() as db:
        saved: Mapping[str, Any] | None = None
        if order.of("mapping") and not order.form.get("chosen"):
            saved = lists.mapping_named(db, order.of("mapping"))
        same = lists.same_file(db, hashlib.sha256(order.content).hexdigest())
    name = posts_as_lists.NAME if order.post else order.name
    encoding, delimiter, sheet = (order.of(field) for field in ("encoding", "delimiter", "sheet"))
    wanted = Wanted(name, encoding, delimiter, sheet, header=not order.form.get("no_header"))
    values = [line.strip() for line in order.of("values").splitlines() if line.strip()]
    dates = order.of("dates").split()
    made = previewing.of(
        apart.read(order.content, wanted), utcnow().date(), saved, order.columns, values, order.of("says"), dates
    )
    return made, same


def _check(order: Order, same: int | None) -> None:
    if not order.of("title") or not order.of("body"):
        raise WrongUse(words("Say what the list is called, and who gave it out."))
    _ = order.dated
    if same is not None and not order.form.get("again"):
        raise WrongUse(
            words("List {id} came of the same file: undo that, or say that you want it twice.", id=str(same))
        )


def _keep(request: Request, order: Order, preview: Preview) -> int:
    desk, user = desk_of(request), user_of(request)
    sha256, kind = hashlib.sha256(order.content).hexdigest(), preview.sheet.kind
    thing = ObjectToStore(REGISTER, keys.received_list(sha256), order.content, sha256, MEDIA_TYPES[kind])
    stored = desk.stores.objects.put_verified(thing, None)
    received = Received(
        order.of("title"), order.of("body"), kind, order.dated, order.name[: LONGEST["file_name"]], sha256,
        len(order.content), stored.key, preview.mapping.as_json(),
    )  # fmt: skip
    with desk.stores.db.begin() as db:
        kept, entry = lists.keep(db, received, preview.rows(), user.name)
        if order.of("save_as"):
            lists.keep_mapping(db, order.of("save_as"), preview.mapping.as_json(), user.name)
        custody.append_all(db, user.name, [entry])
    comparing.compare(desk.stores, kept.list, user.name)
    return kept.list


def _draw(
    request: Request, order: Order, preview: Preview | None = None, fault: str = "", *, same: int | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        saved = [one.name for one in lists.mappings(db)]
    return desk.draw(
        request, "list_import.html", status, form=order.form, name=order.name, preview=preview, fault=fault, same=same,
        content=base64.b64encode(order.content).decode() if order.content else "", saved=saved, fields=list(FIELDS),
        several=SEVERAL, says=[str(one) for one in Says], longest=LONGEST, most_faults=MOST_FAULTS,
        largest=LARGEST >> 20, largest_bytes=LARGEST, post=order.post,
    )  # fmt: skip
