"""What a package's report says, once, for the page and for the document."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from lastseen import __version__, chance, judging
from lastseen.records import Verdict
from pipeline.evidence import typesetting
from pipeline.evidence.contents import Picture, original
from pipeline.evidence.extract import Extract
from pipeline.evidence.targets import Target
from pipeline.evidence.verify import many
from storage.cases import Case, Item, Named, Observation, Post, Refused, Sighted
from storage.custody import Event
from storage.judgements import Judgement
from storage.subjects import Kind

MOST_TEXT: Final = 1200
"""characters of a post's text that are printed; all of it is in observations.jsonl"""
MOST_ROWS: Final = 200
"""observations of a post, and custody events, that are printed"""

STATES: Final = {
    "open": "waiting for review",
    "displaced": "put back, since nearer people were found in the same recording",
    "withdrawn": "closed, since the person was found, the entry withdrawn or the photo removed",
    "superseded": "replaced by a newer analysis that shows the same",
    "joined": "asked by another candidate: the same face at another moment, or in another file with this footage",
    "rejected": "closed, since somebody said that this face is not this person",
    "undecided": "people have looked, and it cannot be said",
    "sighting": "a possible sighting: two people said so, of whom the second did not know what the first had said",
}
VERDICTS: Final = {
    judging.Verdict.OPEN: "nothing yet",
    judging.Verdict.REJECTED: "not this person",
    judging.Verdict.UNDECIDED: "it cannot be said",
    judging.Verdict.SIGHTING: "a possible sighting",
}
SEEN: Final = {
    "present": "there when it was last looked for",
    "missing": "not found when it was last looked for",
    "gone": "gone: not found twice",
}
DONE: Final = {
    "collected": "what the site said of a post was received and kept",
    "imported": "an export that somebody handed in was kept",
    "stored": "an original was stored, read back, and found equal",
    "seen again": "the same bytes were met once more",
    "derived": "a recording was analysed, or a photo prepared for comparing",
    "searched": "faces, or the words of posts, were compared with the register",
    "viewed": "somebody looked at the candidate",
    "played": "somebody played the seconds around it",
    "verified": "it was read and hashed again",
    "exported": "a package of evidence left the office",
    "held": "a legal hold was put on it",
    "released": "a legal hold was taken off",
    "erased": "it was erased by a lawful order",
    "expired": "it expired by a rule of retention",
    "manifested": "the day's manifest was made",
    "closed": "the day was closed: whatever comes after bears a later one",
    "stamped": "an authority put its time on the day's manifest",
    "key changed": "the log is signed with another key from here on",
    "judged": "a reviewer answered whether it is this person",
    "judgement undone": "a reviewer took an answer back within a minute",
    "rejected": "somebody said that this face is not this person",
    "rejection revoked": "a rejection was taken back",
    "parted": "somebody found two faces of one recording to be two people",
    "registered": "an entry or a photo came into the register",
    "register entry changed": "an entry of the register changed",
}
NOT_PROVEN: Final = (
    "That the recording is genuine. It proves what was published where and when it was read, not that it is true.",
    "That a person in it is the person looked for. A machine found a resemblance; people judge it.",
    "That the site showed the same to everybody, or that the site's own clock was right.",
    "Nothing about what was not collected: coverage.jsonl says how far each source is proven to have been read.",
)


@dataclass(frozen=True, slots=True)
class Export:
    """One handing over."""

    id: str
    at: datetime
    office: str
    recipient: str
    reason: str
    target: Target

    @property
    def mark(self) -> str:
        """What stands on every page, and below everything derived."""
        whom = f" · for {self.recipient}" if self.recipient else ""
        return f"lastseen export {self.id} · {self.at:%Y-%m-%d}{whom}"


def data(export: Export, case: Case, extract: Extract, pictures: Sequence[Picture]) -> dict[str, object]:
    """Everything that the report says, as JSON."""
    return {
        "title": _title(export.target),
        "mark": export.mark,
        "facts_of": _facts(export, case, extract),
        "about": _about(export.target),
        "sightings": [_sighting(one, case, pictures) for one in case.sighted],
        "places": [_place(post) for post in case.posts],
        "boxes": any(_may_lack_a_font(one.title + one.text) for one in case.observations),
        "sources": [_source(source, case) for source in case.sources],
        "kept": _kept(),
        "events": [_event(one) for one in extract.events[:MOST_ROWS]],
        "more_events": max(0, len(extract.events) - MOST_ROWS),
        "proof": _proof(extract),
        "not_proven": NOT_PROVEN,
        "check": _check(extract),
    }


def html(said: Mapping[str, object]) -> str:
    """The page: everything in it but the pictures, which lie beside it."""
    pages = Environment(
        loader=PackageLoader("pipeline.evidence", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return pages.get_template("report.html").render(said)


def pdf(said: Mapping[str, object], folder: Path) -> bytes:
    """The same as a document."""
    return typesetting.pdf("report.typ", said, folder)


def _title(target: Target) -> str:
    if target.kind is Kind.BLOB:
        return "A recording and where it was published"
    return "Possible sighting" if len(target.names) == 1 else "Possible sightings"


def _facts(export: Export, case: Case, extract: Extract) -> list[list[str]]:
    return [
        ["Office", export.office or "not named"],
        ["Made", moment(export.at)],
        ["For", export.recipient or "nobody in particular"],
        ["Reason", export.reason],
        ["Case", _case_name(export.target, case)],
        ["Holds", ", ".join(many(count, what) for count, what in _counts(case))],
        ["Export", export.id],
        ["Log", f"{extract.newest.head.origin}, {extract.newest.head.size} events"],
        ["Made by", f"lastseen {__version__}"],
    ]


def _counts(case: Case) -> list[tuple[int, str]]:
    return [(len(case.originals), "original"), (len(case.posts), "post"), (len(case.observations), "observation")]


def _case_name(target: Target, case: Case) -> str:
    match target.kind:
        case Kind.CANDIDATE:
            return "; ".join(f"candidate {one.id}, register number {one.register_number}" for one in case.sighted)
        case Kind.PERSON:
            return f"register number {target.names[0]}, {many(len(case.sighted), 'candidate')}"
        case _:
            return f"recording {target.names[0]}"


def _about(target: Target) -> list[str]:
    told = [
        "This package holds what the office keeps of one case: the recordings as they were received, what the sites"
        " said of them, every place where the same bytes were published, and what was done with them since.",
    ]
    if target.kind is not Kind.BLOB:
        told.append(
            "A machine found a resemblance between a face in a recording and a photo in the register of missing people."
            " It is a possible sighting and nothing more: people judge, and nobody is identified by this software."
        )
    told.append(
        "Other faces are covered in the pictures made for this report. The originals are whole, and show everybody who"
        " is in them: treat them so."
    )
    return told


def _rejected(said: Refused) -> str:
    one = said.rejection
    told = f"number {one.id}, by {one.rejected_by}, {moment(one.rejected_at)}: {one.reason}"
    if one.revoked_at is None:
        return told
    return f"{told}; taken back by {one.revoked_by}, {moment(one.revoked_at)}: {one.why}"


def _judged(one: Sighted, case: Case) -> Iterator[list[str]]:
    """What reviewers said, also what stands no more, what it came to, and to whom it was given."""
    for judged in case.judged:
        if judged.candidate == one.id:
            yield from (["Judgement", _answered(said)] for said in judged.judgements)
            for verdict in judged.verdicts:
                rests = ", ".join(map(str, verdict.judgements)) or "none"
                yield ["Verdict", f"{moment(verdict.made_at)}: {VERDICTS[verdict.verdict]} (judgements: {rests})"]
    for given in case.handed_over:
        if given.candidate == one.id:
            note = f": {given.note}" if given.note else ""
            yield ["Handed over", f"to {given.receiver}, by {given.handed_by}, {moment(given.handed_at)}{note}"]


def _answered(said: Judgement) -> str:
    answer = "not comparable" if said.answer is None else f"{said.answer:+d} on the scale from -3 to +3"
    told = f"number {said.id}, by {said.reviewer} ({said.stage}), {moment(said.judged_at)}: {answer}"
    told += f"; {said.reason}" if said.reason else ""
    if said.stands:
        return told
    if said.undone_at:
        return f"{told}; undone {moment(said.undone_at)}"
    return f"{told}; replaced by number {said.superseded_by}" if said.superseded_by else f"{told}; set aside"


def _sighting(one: Sighted, case: Case, pictures: Sequence[Picture]) -> dict[str, object]:
    of_this = [picture for picture in pictures if picture.candidate == one.id]
    return {
        "title": f"Candidate {one.id}",
        "facts": [
            ["May show", _person(one)],
            ["Recording", one.blob],
            ["Seen", f"from {clock(one.start_ms)} to {clock(one.end_ms)} of the recording"],
            ["State", STATES.get(one.state, one.state)],
            ["Found", f"{moment(one.created_at)}, by engine {one.engine}"],
            ["Chance", f"{chance.said(one.expected_false)} (no measure of certainty)"],
            *(["Rejection", _rejected(said)] for said in case.refused if one.id in said.candidates),
            *_judged(one, case),
            ["Analysis", f"{moment(one.analyzed_at)}, recipe {one.recipe}" + ("" if one.complete else "; not whole")],
            *_named(one, case),
        ],
        "still": next((_picture(picture) for picture in of_this if picture.kind == "still"), None),
        "crops": [_picture(picture) for picture in of_this if picture.kind == "crop"],
        "clips": [_picture(picture) for picture in of_this if picture.kind == "clip"],
    }


def _named(one: Sighted, case: Case) -> Iterator[list[str]]:
    """What the words of posts with the same recording say: a hint of its own, whoever is shown."""
    posts = {item.post for item in case.items if item.sha256 == one.blob}
    permalinks = {post.id: post.permalink for post in case.posts}
    for named in case.named:
        if named.person == one.person and named.post in posts:
            yield ["Named", f"by the words of {permalinks[named.post]}: {_agreeing(named)}; a namesake may be meant"]


def _agreeing(named: Named) -> str:
    told = [reason for reason in named.reasons if reason["verdict"] != Verdict.SILENT]
    return ", ".join(f"{reason['field']} {reason['said']} ({reason['how'] or reason['verdict']})" for reason in told)


def _person(one: Sighted) -> str:
    names = [name for name in one.names if name != one.register_number]
    return f"{' / '.join(names)} (register number {one.register_number})" if names else one.register_number


def _picture(picture: Picture) -> dict[str, str]:
    return {"file": picture.file, "at": clock(picture.at_ms)}


def _source(source: Mapping[str, object], case: Case) -> dict[str, object]:
    posts = [post for post in case.posts if post.source == source["id"]]
    return {
        "title": str(source["address"]),
        "facts": [
            ["Platform", str(source["platform"])],
            ["Watched since", _moment_or_none(source["added_at"])],
            ["Why it is watched", str(source["reason"])],
            ["Legal basis", str(source["legal_basis"])],
            ["Proven read", _read([row for row in case.coverage if row["source"] == source["id"]])],
        ],
        "posts": [_post(post, case) for post in posts],
    }


def _place(post: Post) -> dict[str, str]:
    return {
        "published": _moment_or_none(post.published_at),
        "read": moment(post.first_seen_at),
        "where": post.permalink,
    }


def _read(rows: Iterable[Mapping[str, object]]) -> str:
    told = []
    for row in rows:
        if "held" in row:
            told.append(f"{row['role']}: messages {_ranges(str(row['held']))}")
        else:
            whole = "to its end" if row["complete"] else "not to its end"
            told.append(f"a listing, {whole}, {_moment_or_none(row['last_read_at'])}")
    return "; ".join(told[-10:]) or "nothing but these posts"


def _ranges(multirange: str) -> str:
    """PostgreSQL's `{[1,5),[7,9)}` with closed ends."""
    pairs = [part.strip("[)").split(",") for part in multirange.strip("{}").replace("),[", ");[").split(";") if part]
    return ", ".join(f"{first} to {int(end) - 1}" for first, end in pairs) or "none"


def _post(post: Post, case: Case) -> dict[str, object]:
    seen = [one for one in case.observations if one.post == post.id]
    return {
        "title": post.permalink,
        "facts": [
            ["Published", _moment_or_none(post.published_at) + " (by the site's own word)" * bool(post.published_at)],
            ["Read", f"first {moment(post.first_seen_at)}, last {moment(post.last_seen_at)}"],
            ["Now", SEEN.get(post.seen, post.seen)],
        ],
        "media": [_media(item) for item in case.items if item.post == post.id],
        "observations": [_observation(one, before) for one, before in zip(seen, [None, *seen], strict=False)][
            :MOST_ROWS
        ],
        "more": max(0, len(seen) - MOST_ROWS),
    }


def _media(item: Item) -> dict[str, str]:
    if item.sha256 is None:
        return {"what": f"{item.kind}: not held", "file": "", "sha256": ""}
    size = f"{item.size or 0:,} bytes".replace(",", "\N{NARROW NO-BREAK SPACE}")
    stored = f", stored {moment(item.stored_at)}" if item.stored_at else ""
    return {
        "what": f"{item.kind}, {item.media_type}, {size}{stored}",
        "file": original(item.sha256, item.media_type),
        "sha256": item.sha256,
    }


def _observation(one: Observation, before: Observation | None) -> dict[str, object]:
    shown = one.text if len(one.text) <= MOST_TEXT else one.text[:MOST_TEXT] + " … (all of it is in observations.jsonl)"
    same = before is not None and bool(one.title or one.text) and (one.title, one.text) == (before.title, before.text)
    return {
        "at": moment(one.observed_at),
        "how": f"{one.method}: {SEEN.get(one.seen, one.seen) if one.seen != 'present' else 'there'}",
        "same": same,
        "title": "" if same else one.title,
        "text": "" if same else shown,
        "from_right": is_from_right(one.title or one.text),
        "record": one.raw_sha256,
    }


def is_from_right(text: str) -> bool:
    """Whether a text is written from right to left, by its first letter that says so (Unicode Annex 9, P2 and P3)."""
    ways = (unicodedata.bidirectional(sign) for sign in text)
    return next((way in ("R", "AL") for way in ways if way in ("L", "R", "AL")), False)


def _kept() -> list[str]:
    return [
        "Each original is the bytes as the server sent them, never rewritten. It counted as stored only when it had"
        " been read back and found equal; its name is its sha256.",
        "Each observation names a raw record: what the site answered, as received, cleaned of the office's secrets.",
        "Whatever was done is an event of the custody log. Each event binds the one before it; the log's head is signed"
        " with a key that the database does not have.",
    ]


def _event(one: Event) -> dict[str, str]:
    return {
        "number": str(one.seq),
        "at": moment(one.at),
        "what": DONE.get(one.action, one.action),
        "about": _short(one.subject),
        "who": one.actor,
        "why": one.reason,
    }


def _short(subject: str) -> str:
    kind, _, rest = subject.partition(":")
    return f"{kind} {rest[:12]}…" if len(rest) > 20 else f"{kind} {rest}"


def _proof(extract: Extract) -> list[list[str]]:
    newest = extract.newest.head
    lines = [
        ["Signed", f"The log's head, {newest.size} events, was signed {moment(newest.at)}; key {extract.keys[0]}"],
        ["Root", newest.root.hex()],
        ["Proven", f"Each of the {len(extract.events)} events here is proven to be in that log."],
    ]
    seen = [(one, key) for one in (*extract.earlier, extract.newest) for key in one.witnesses]
    for one, key in seen:
        lines.append(["Witnessed", f"{key.partition('+')[0]} has seen the log with {one.head.size} events"])
    if not seen:
        lines.append(["Witnessed", "by nobody outside the office"])
    for stamp in extract.stamps:
        names = ", ".join(sorted(name.split(".", 1)[1] for name in map(_name, stamp.answers)))
        lines.append(["Time-stamped", f"the manifest of {stamp.day}, with a head that covers it: {names}"])
    if not extract.stamps:
        lines.append(["Time-stamped", "not yet: nobody outside says when this log was as it is"])
    return lines


def _name(key: str) -> str:
    return Path(key).name


def _check(extract: Extract) -> list[str]:
    return [
        "On any machine with Python 3.8 or newer, without a network, in the folder data of this package:",
        "python3 -I verify.py",
        "Whoever can change a package can change that program in it: take it from where lastseen is published, and give"
        " it this folder. Get the office's key, the sha256 of the package, and an authority's root certificate another"
        " way than with the package:",
        "python3 -I verify.py PACKAGE --key KEY --package-sha256 HEX --root FILE",
        f"The key that this package says is the office's: {extract.keys[0]}",
    ]


def _may_lack_a_font(text: str) -> bool:
    """Whether it has signs behind Arabic, but for punctuation: the document's own fonts have few of them."""
    return any(sign > "\u08ff" and not "\u1e00" <= sign <= "\u206f" for sign in text)


def moment(at: datetime) -> str:
    """As people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _moment_or_none(at: object) -> str:
    return moment(at) if isinstance(at, datetime) else "unknown"


def clock(at_ms: int) -> str:
    """A moment of a recording."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
