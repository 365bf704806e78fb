"""What each door leaves in the custody log: every view, search, play and decision, or the reason why none."""

from review.app import doors
from review.doors import Door
from review.roles import ANY_ROLE
from storage import accounts
from storage.custody import Action
from tests.review.conftest import Site
from tests.review.test_doors import filled
from tests.review.things import KINDS, Relation

VIEWED = (Action.VIEWED,)
OF_ONE_REVIEW = "taking a review up is the view, and was recorded: pictures, drafts and what comes next belong to it"
OWN = "shows nothing but what the visitor did, or is, themselves"
NOBODY = "shows counts and states of the installation, and nobody's face, name or words"
NO_ACCOUNT = "nobody is signed in"
KEPT = "what was recorded is the page that shows the picture"
CARE = "how somebody rests is nobody's business"
AWAY = "leads to the provider; what comes of it is recorded when they are back"

LEFT: dict[tuple[str, str], tuple[Action, ...] | str] = {
    ("GET", "/"): "names and faces are hidden in the queue; a search by filters is recorded",
    ("POST", "/reviews"): (Action.TOOK_UP,),
    ("GET", "/pause"): CARE,
    ("POST", "/pause"): CARE,
    ("POST", "/pause/end"): CARE,
    ("POST", "/limits/lift"): (Action.LIMIT_LIFTED,),
    ("GET", "/candidates/{id:int}"): VIEWED,
    ("GET", "/candidates/{id:int}/shot/{n:int}.jpg"): KEPT,
    ("GET", "/candidates/{id:int}/photo/{n:int}.jpg"): KEPT,
    ("GET", "/candidates/{id:int}/still.jpg"): KEPT,
    ("GET", "/candidates/{id:int}/clip.mp4"): (Action.PLAYED,),
    ("GET", "/me"): (Action.LOOKED_AT_FIGURES,),
    ("GET", "/me.json"): (Action.LOOKED_AT_FIGURES,),
    ("GET", "/team"): (Action.LOOKED_AT_FIGURES,),
    ("GET", "/team.json"): (Action.LOOKED_AT_FIGURES,),
    ("GET", "/sightings"): VIEWED,
    ("GET", "/sightings/{id:int}"): VIEWED,
    ("GET", "/sightings/{id:int}/facts"): (Action.EXPORTED,),
    ("POST", "/sightings/{id:int}/hand-over"): (Action.HANDED_OVER,),
    ("POST", "/sightings/{id:int}/package"): (Action.ASKED_FOR,),
    ("GET", "/packages/{id:int}.zip"): (Action.DOWNLOADED,),
    ("GET", "/people"): VIEWED,
    ("GET", "/people/{number:path}"): VIEWED,
    ("GET", "/letters"): "nobody is named on the list: each letter's page is recorded",
    ("POST", "/letters"): (Action.LETTER_WRITTEN,),
    ("GET", "/letters/new"): VIEWED,
    ("GET", "/letters/{id:int}"): VIEWED,
    ("POST", "/letters/{id:int}/confirm"): (Action.LETTER_MOVED,),
    ("POST", "/letters/{id:int}/make"): (Action.ASKED_FOR,),
    ("POST", "/letters/{id:int}/move"): (Action.LETTER_MOVED, Action.STATED),
    ("GET", "/letters/{id:int}/edit"): VIEWED,
    ("POST", "/letters/{id:int}/edit"): (Action.LETTER_WRITTEN,),
    ("GET", "/letter-files/{id:int}/{format}"): (Action.DOWNLOADED,),
    ("GET", "/letters/recipients"): "offices, and nobody of the register",
    ("POST", "/letters/recipients"): (Action.RECIPIENT_CHANGED,),
    ("POST", "/letters/recipients/{id:int}/retire"): (Action.RECIPIENT_CHANGED,),
    ("GET", "/letters/templates"): "words that are about nobody",
    ("GET", "/letters/templates/{kind}/{language}"): "words that are about nobody",
    ("POST", "/letters/templates/{kind}/{language}"): (Action.TEMPLATE_EDITED,),
    ("POST", "/people/{number:path}/file"): (Action.EXPORTED,),
    ("GET", "/exchange"): "an empty form",
    ("POST", "/exchange"): (Action.EXPORTED,),
    ("POST", "/api/v1/exchange"): (Action.EXPORTED,),
    ("POST", "/people/{number:path}/statements"): (Action.STATED, Action.REGISTER_CHANGED, Action.VIEWED),
    ("POST", "/statements/{id:int}/withdraw"): (Action.STATEMENT_WITHDRAWN, Action.REGISTER_CHANGED, Action.VIEWED),
    ("GET", "/tip"): NO_ACCOUNT,
    ("POST", "/tip"): (Action.TIP_RECEIVED,),
    ("GET", "/tip/state"): NO_ACCOUNT,
    ("POST", "/tip/state"): "says how far the office is with what one has sent oneself, and nothing of what is in it",
    ("GET", "/tips"): VIEWED,
    ("GET", "/tips/{id:int}"): VIEWED,
    ("POST", "/tips/{id:int}/contact"): (Action.CONTACT_OPENED,),
    ("POST", "/tips/{id:int}/take-up"): (Action.TIP_MOVED,),
    ("POST", "/tips/{id:int}/about"): (Action.TIP_MOVED,),
    ("POST", "/tips/{id:int}/move"): (Action.TIP_MOVED, Action.CONTACT_REMOVED),
    ("POST", "/tips/{id:int}/note"): (Action.TIP_MOVED,),
    ("GET", "/log"): (Action.VIEWED, Action.SEARCHED),
    ("POST", "/log/verify"): (Action.VERIFIED,),
    ("GET", "/log.{ending}"): (Action.EXPORTED,),
    ("GET", "/reviews/{token:uuid}"): OF_ONE_REVIEW,
    ("POST", "/reviews/{token:uuid}/description"): (Action.DESCRIBED,),
    ("POST", "/reviews/{token:uuid}/answer"): (Action.JUDGED,),
    ("POST", "/reviews/{token:uuid}/draft"): OF_ONE_REVIEW,
    ("POST", "/reviews/{token:uuid}/return"): (Action.GIVEN_BACK,),
    ("POST", "/reviews/{token:uuid}/warn"): (Action.WARNED,),
    ("POST", "/reviews/{token:uuid}/undo"): (Action.JUDGEMENT_UNDONE, Action.TOOK_UP),
    ("POST", "/reviews/{token:uuid}/again"): (Action.TOOK_UP,),
    ("GET", "/reviews/{token:uuid}/ahead"): "what is reserved is taken up, and recorded, where there is something",
    ("GET", "/reviews/{token:uuid}/shot/{n:int}.jpg"): OF_ONE_REVIEW,
    ("GET", "/reviews/{token:uuid}/photo/{n:int}.jpg"): OF_ONE_REVIEW,
    ("GET", "/reviews/{token:uuid}/still.jpg"): OF_ONE_REVIEW,
    ("GET", "/reviews/{token:uuid}/clip.mp4"): (Action.PLAYED,),
    ("GET", "/judgements"): OWN,
    ("GET", "/hints"): VIEWED,
    ("GET", "/media/crop/{id:int}"): KEPT,
    ("GET", "/register"): VIEWED,
    ("POST", "/register/findings/{id:int}/explain"): (Action.EXPLAINED,),
    ("GET", "/media/photo/{id:int}"): KEPT,
    ("GET", "/media/face/{id:int}"): VIEWED,
    ("GET", "/unaccounted"): VIEWED,
    ("GET", "/videos/{blob}/roll-call"): VIEWED,
    ("GET", "/videos/{blob}/roll-call.{ending}"): (Action.EXPORTED,),
    ("GET", "/groups"): VIEWED,
    ("POST", "/groups"): (Action.CASE_OPENED,),
    ("GET", "/groups/{id:int}"): VIEWED,
    ("GET", "/groups/{id:int}.csv"): (Action.EXPORTED,),
    ("POST", "/groups/{id:int}/files"): (Action.CASE_CHANGED,),
    ("POST", "/groups/{id:int}/notes"): (Action.CASE_CHANGED,),
    ("POST", "/cast-links/{id:int}/withdraw"): (Action.PARTED,),
    ("GET", "/lists"): VIEWED,
    ("GET", "/lists/new"): "an empty form",
    ("POST", "/lists/new"): (Action.LISTED, Action.SEARCHED),
    ("GET", "/lists/{id:int}"): VIEWED,
    ("GET", "/lists/{id:int}/next"): "leads to a line, whose page is recorded",
    ("POST", "/lists/{id:int}/decide"): (Action.LINE_DECIDED, Action.STATED),
    ("POST", "/lists/{id:int}/match"): (Action.SEARCHED,),
    ("POST", "/lists/{id:int}/undo"): (Action.LIST_UNDONE, Action.STATEMENT_WITHDRAWN),
    ("GET", "/lists/lines/{id:int}"): VIEWED,
    ("POST", "/lists/lines/{id:int}/decide"): (Action.LINE_DECIDED, Action.STATED, Action.STATEMENT_WITHDRAWN),
    ("GET", "/status"): NOBODY,
    ("GET", "/metrics"): NOBODY,
    ("GET", "/reports"): NOBODY,
    ("GET", "/reports/{day}"): NOBODY,
    ("GET", "/reports/{day}.{ending}"): (Action.EXPORTED,),
    ("GET", "/reports/periods/{id:int}/page"): NOBODY,
    ("GET", "/reports/periods/{id:int}/file.{ending}"): (Action.EXPORTED,),
    ("GET", "/reports/periods/{id:int}/records/{figure}"): VIEWED,
    ("GET", "/calibration"): NOBODY,
    ("GET", "/calibration/{id:int}/plot.svg"): NOBODY,
    ("GET", "/users"): NOBODY,
    ("POST", "/users"): (Action.ACCOUNT_ADDED, Action.LINK_MADE),
    ("POST", "/users/{id:int}/roles"): (Action.ROLES_CHANGED,),
    ("POST", "/users/{id:int}/disable"): (Action.DISABLED,),
    ("POST", "/users/{id:int}/enable"): (Action.ENABLED,),
    ("POST", "/users/{id:int}/unlock"): (Action.UNLOCKED,),
    ("POST", "/users/{id:int}/link"): (Action.LINK_MADE,),
    ("POST", "/users/{id:int}/reset-second-factor"): (Action.SECOND_FACTOR_RESET,),
    ("GET", "/account"): OWN,
    ("POST", "/account/password"): (Action.PASSWORD_SET,),
    ("POST", "/account/preferences"): OWN,
    ("POST", "/account/browsers/end"): (Action.SIGNED_OUT,),
    ("POST", "/account/browsers/{id:int}/end"): (Action.SIGNED_OUT,),
    ("GET", "/account/second-factor"): OWN,
    ("POST", "/account/second-factor"): (Action.SECOND_FACTOR_SET,),
    ("GET", "/account/second-factor.svg"): OWN,
    ("POST", "/account/second-factor/remove"): (Action.SECOND_FACTOR_RESET,),
    ("POST", "/account/recovery-codes"): (Action.RECOVERY_CODES_MADE,),
    ("POST", "/sign-out"): (Action.SIGNED_OUT,),
    ("GET", "/sign-in"): NO_ACCOUNT,
    ("POST", "/sign-in"): (Action.SIGNED_IN,),
    ("GET", "/sign-in/second-factor"): NO_ACCOUNT,
    ("POST", "/sign-in/second-factor"): (Action.SIGNED_IN,),
    ("GET", "/sign-in/provider"): AWAY,
    ("GET", "/sign-in/provider/link"): AWAY,
    ("GET", "/sign-in/provider/back"): (
        Action.SIGNED_IN,
        Action.PROVIDER_LINKED,
        Action.ACCOUNT_ADDED,
        Action.ROLES_CHANGED,
    ),
    ("GET", "/sign-in/provider/out"): "they were signed out here before, and that was recorded",
    ("POST", "/language"): OWN,
    ("GET", "/session"): NO_ACCOUNT,
    ("GET", "/enter/{token}"): "nobody is signed in by looking, and nobody is named",
    ("POST", "/enter/{token}"): (Action.SIGNED_IN,),
    ("GET", "/static/{name}"): NO_ACCOUNT,
}
"""door -> what it leaves in the log, or why nothing"""


LEFT |= {
    (method, f"/api{path}" if path == "/openapi.json" else f"/api/v1{path}"): LEFT[method, page] if page else OWN
    for method, path, page in (
        ("GET", "/openapi.json", "/session"),
        ("GET", "/me", ""),
        ("GET", "/queue", "/"),
        ("POST", "/reviews", "/reviews"),
        ("GET", "/reviews/{token:uuid}", "/reviews/{token:uuid}"),
        *(
            ("POST", path, path)
            for act in ("description", "answer", "return", "warn", "undo", "again")
            for path in [f"/reviews/{{token:uuid}}/{act}"]
        ),
        ("GET", "/judgements", "/judgements"),
        ("POST", "/pause", "/pause"),
        ("POST", "/pause/end", "/pause/end"),
        ("GET", "/candidates/{id:int}", "/candidates/{id:int}"),
        ("GET", "/sightings", "/sightings"),
        ("GET", "/sightings/{id:int}", "/sightings/{id:int}"),
        ("POST", "/sightings/{id:int}/hand-overs", "/sightings/{id:int}/hand-over"),
        ("GET", "/people", "/people"),
        ("GET", "/people/{number:path}", "/people/{number:path}"),
        ("POST", "/people/{number:path}/statements", "/people/{number:path}/statements"),
        ("POST", "/statements/{id:int}/withdraw", "/statements/{id:int}/withdraw"),
        ("GET", "/letters", "/letters"),
        ("GET", "/letters/{id:int}", "/letters/{id:int}"),
        ("POST", "/letters/{id:int}/events", "/letters/{id:int}/move"),
        ("GET", "/videos/{blob}/roll-call", "/videos/{blob}/roll-call"),
        ("GET", "/unaccounted", "/unaccounted"),
        ("GET", "/hints", "/hints"),
        ("GET", "/status", "/status"),
        ("GET", "/calibrations", "/calibration"),
        ("GET", "/log", "/log"),
        ("GET", "/users", "/users"),
        ("POST", "/users", "/users"),
        *(
            ("POST", path, path)
            for act in ("roles", "disable", "enable", "unlock", "link", "reset-second-factor")
            for path in [f"/users/{{id:int}}/{act}"]
        ),
    )
}
"""what is done by a program leaves what it leaves when it is done on a page"""


def test_every_door_says_what_it_leaves_in_the_log_or_why_nothing() -> None:
    there = {(door.method, door.path) for door in doors() if isinstance(door, Door)}
    assert there - set(LEFT) == set(), "say here what a new door leaves in the custody log, or why nothing"
    assert set(LEFT) - there == set(), "these doors are no more"


def test_doors_that_are_only_looked_through_leave_what_they_say(site: Site) -> None:
    """Those that change something are tried one by one, with what they need, beside what they do."""
    wrong = []
    with site.stores.db.begin() as db:
        user = accounts.add_user(db, "visitor", None, ANY_ROLE)
    for door in doors():
        if not isinstance(door, Door) or door.method != "GET" or door.anyone:
            continue
        said = LEFT[door.method, door.path]
        values = KINDS[door.names].values(site.stores, Relation.OWN, user, user) if door.names else {}
        before = len(site.log())
        site.as_user(user).get(filled(door.path, values or {}))
        left = [event.action for event in site.log()[before:] if event.actor == user.name]
        if left != [] if isinstance(said, str) else not (left and set(left) <= set(said)):
            wrong.append(f"{door.path}: {left}, not {said}")
    assert wrong == []
