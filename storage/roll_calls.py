"""How roll calls are drawn up.

The newest analysis of a file counts.  What people decided about a face of an older analysis, or of another file that
shows the same footage, counts for the face that is the same by time and place (`storage.same_face`), or that the same
person was proposed for then.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, RowMapping, text

from lastseen.errors import WrongUse
from lastseen.lifecycle import CandidateState, FaceState
from lastseen.words import words
from storage import faces, footage, same_face
from storage.faces import LinkKept
from storage.footage import Passage, Place
from storage.roll_call import DECIDED, Appearance, Face, Look, Question, RollCall
from storage.same_face import Overlap, Seen

Item = TypeVar("Item")

BEGINNING: Final = re.compile("[0-9a-f]{6,64}")
"""of a hash: with fewer digits, a slip would often name another file"""
BATCH: Final = 200
"""videos whose roll calls are drawn up at once"""

FILES = text("""
    SELECT id, sha256, stored_at FROM blobs WHERE id = ANY(CAST(:blobs AS bigint[])) ORDER BY id""")

# Of older analyses, and of those of other files, only those count in which somebody has decided something, or is to.
ANALYSES = text("""
    WITH found AS (
        SELECT id, blob_id AS blob, kind, width, height, duration_ms, analyzed_at, complete, gaps, unfollowed, note,
               id = max(id) OVER (PARTITION BY blob_id) AS newest
          FROM analyses
         WHERE blob_id = ANY(CAST(:blobs AS bigint[]))
           AND (CAST(:as_of AS timestamptz) IS NULL OR analyzed_at <= :as_of))
    SELECT * FROM found
     WHERE (newest AND blob = ANY(CAST(:drawn AS bigint[]))) OR EXISTS (
        SELECT FROM tracks WHERE analysis_id = found.id
           AND (EXISTS (SELECT FROM candidates
                         WHERE track_id = tracks.id
                           AND (CAST(:as_of AS timestamptz) IS NOT NULL
                                OR state IN ('open', 'undecided', 'sighting', 'rejected')))
                OR EXISTS (SELECT FROM rejections WHERE track_id = tracks.id)))
     ORDER BY id""")

TRACKS = text("""
    SELECT tracks.id AS track, tracks.analysis_id AS analysis, tracks.start_ms, tracks.end_ms, tracks.gate,
           tracks.expired_at, shot.id AS shot, shot.at_ms, shot.crop_key, coalesce(shot.weight, 0) AS weight,
           EXISTS (SELECT FROM rejections
                    WHERE track_id = tracks.id AND (CAST(:as_of AS timestamptz) IS NULL OR rejected_at <= :as_of)
                      AND NOT EXISTS (SELECT FROM rejection_revocations
                                       WHERE rejection_id = rejections.id
                                         AND (CAST(:as_of AS timestamptz) IS NULL OR revoked_at <= :as_of))) AS refused
      FROM tracks
      LEFT JOIN LATERAL (SELECT id, at_ms, crop_key, weight FROM best_shots WHERE track_id = tracks.id
                          ORDER BY weight DESC, ordinal LIMIT 1) AS shot ON true
     WHERE tracks.analysis_id = ANY(CAST(:analyses AS bigint[]))
     ORDER BY tracks.start_ms, tracks.id""")

QUESTIONS = text("""
    SELECT candidates.id, candidates.track_id AS track, candidates.state, persons.register_number, persons.names
      FROM candidates
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN persons ON persons.id = candidates.person_id
     WHERE tracks.analysis_id = ANY(CAST(:analyses AS bigint[]))
     ORDER BY candidates.id""")

# Which candidates waited at a past moment is not kept, and of whom the others were is: they tell who is one person.
QUESTIONS_THEN = text("""
    SELECT candidates.id, candidates.track_id AS track, persons.register_number, persons.names,
           coalesce(nullif((SELECT verdict FROM verdicts WHERE candidate_id = candidates.id AND made_at <= :as_of
                             ORDER BY verdicts.id DESC LIMIT 1), 'open'), 'joined') AS state
      FROM candidates
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN persons ON persons.id = candidates.person_id
     WHERE tracks.analysis_id = ANY(CAST(:analyses AS bigint[])) AND created_at <= :as_of
     ORDER BY candidates.id""")

WITH_FACES = text("SELECT DISTINCT blob_id FROM analyses JOIN tracks ON analysis_id = analyses.id ORDER BY blob_id")

# A copy of a video in which somebody waits or was sighted has people to account for as well, if it shows them: a clip
# of a compilation need not.  A face of several tracks may be shown at any time.
ASKED_ABOUT = text("""
    WITH asked AS (
        SELECT DISTINCT blob_id, start_ms, end_ms,
               EXISTS (SELECT FROM cast_links
                        WHERE tracks.id IN (one_track_id, other_track_id) AND withdrawn_at IS NULL) AS cast_
          FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
         WHERE candidates.state IN ('open', 'undecided', 'sighting'))
    SELECT blob_id FROM asked
     UNION SELECT other_blob_id FROM repost_links JOIN asked ON blob_id = one_blob_id
            WHERE withdrawn_at IS NULL AND (cast_ OR (start_ms <= one_end_ms + 1 AND end_ms >= one_start_ms - 1))
     UNION SELECT one_blob_id FROM repost_links JOIN asked ON blob_id = other_blob_id
            WHERE withdrawn_at IS NULL AND (cast_ OR (start_ms <= other_end_ms + 1 AND end_ms >= other_start_ms - 1))
     ORDER BY 1""")

# No digit of a hash comes after f.
BY_HASH = text("""
    SELECT id FROM blobs WHERE sha256 >= :beginning AND sha256 < :beginning || 'g' ORDER BY sha256 LIMIT 2""")
BY_SHOT = text("""
    SELECT blob_id FROM best_shots JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE best_shots.id = :shot""")
BY_LINK = text("""
    SELECT sha256 FROM cast_links JOIN tracks ON tracks.id = one_track_id
      JOIN analyses ON analyses.id = analysis_id JOIN blobs ON blobs.id = blob_id
     WHERE cast_links.id = :link""")

CARRIED: Final = (CandidateState.DISPLACED, CandidateState.SUPERSEDED, CandidateState.JOINED)
"""states of a candidate whose question may be asked of the same face elsewhere"""
APPEARANCE: Final = tuple(field.name for field in fields(Appearance))
"""what is read of a track"""
NEAREST: Final = tuple(FaceState)
"""of several that hold of one face, the first counts"""


def of_blob(db: Connection, blob: int) -> RollCall:
    """The roll call of one file (row id).  Raises LookupError if it is not held."""
    for call in of_blobs(db, [blob]):
        return call
    raise LookupError(f"there is no blob {blob}")


def of_blobs(db: Connection, blobs: Sequence[int], as_of: datetime | None = None) -> list[RollCall]:
    """The roll calls of some files, in the order of their row ids; as many queries for many as for one.

    `as_of`: by what had been written down then.  Nobody waits in such a one: candidates that wait are not dated.
    """
    found = footage.passages(db, blobs, as_of)
    concerned = sorted({*blobs, *(one.other for one in found)})
    seen = _Seen.read(db, blobs, concerned, found, as_of)
    files = {row.id: row for row in db.execute(FILES, {"blobs": concerned})}
    carried = footage.places(db, [row.sha256 for row in files.values()], as_of)
    places = {blob: carried[row.sha256] for blob, row in files.items()}
    return [_call(files, places, seen, blob) for blob in sorted(set(blobs) & set(files))]


def _call(files: Mapping[int, Row[Any]], places: Mapping[int, Sequence[Place]], seen: "_Seen", blob: int) -> RollCall:
    copies = [one for one in seen.passages.get(blob, ()) if one.other in files]
    return RollCall(
        blob,
        files[blob].sha256,
        files[blob].stored_at,
        seen.look(blob),
        seen.faces(blob),
        tuple(_everywhere(places, blob, copies)),
        tuple((files[one.other].sha256, one) for one in copies),
    )


def open_items(db: Connection, *, every: bool = False) -> list[RollCall]:
    """Videos with people who are unaccounted for, of which at least one is a candidate or a sighting; newest first.

    `every`: all in which faces were found.  A file all of whose faces a longer or earlier copy shows is left out: what
    it shows is listed there.
    """
    blobs = list(db.execute(WITH_FACES if every else ASKED_ABOUT).scalars())
    calls = [call for begin in range(0, len(blobs), BATCH) for call in of_blobs(db, blobs[begin : begin + BATCH])]
    calls = [call for call in calls if every or (call.is_asked_about and call.unaccounted)]
    return sorted(_once(calls), key=lambda call: (call.first_seen_at, call.blob), reverse=True)


def find(db: Connection, beginning: str) -> list[int]:
    """Row ids of files whose sha256 begins so, two at most.  `beginning`: hex digits."""
    return list(db.execute(BY_HASH, {"beginning": beginning}).scalars())


def named(db: Connection, written: str) -> int:
    """The row id of a file that somebody names by its sha256, the beginning of it, or the address of its roll call.

    Raises WrongUse.
    """
    last = [part for part in written.strip().lower().partition("?")[0].split("/") if part not in ("", "roll-call")][-1:]
    beginning = "".join(last).removeprefix("blob:")
    if not BEGINNING.fullmatch(beginning):
        raise WrongUse(words("A file is named by its sha256, or by at least 6 of its first digits (0-9, a-f)."))
    found = find(db, beginning)
    if not found:
        raise WrongUse(
            words(
                "No file whose sha256 begins with {digits} is stored: `lastseen unaccounted --all` lists some.",
                digits=beginning,
            )
        )
    if len(found) > 1:
        raise WrongUse(words("Several files begin with {digits}: give more digits.", digits=beginning))
    return found[0]


def crop_key(db: Connection, shot: int) -> str | None:
    """Where the picture of a face lies in the derived bucket, if its roll call's pictures may be looked at."""
    blob = db.execute(BY_SHOT, {"shot": shot}).scalar()
    call = of_blob(db, blob) if blob is not None else None
    if call is None or not call.is_asked_about:
        return None
    shown = (one for face in call.faces for one in face.appearances)
    return next((one.crop_key for one in shown if one.shot == shot), None)


def part(db: Connection, link: int, actor: str, people_per_track: int) -> str | None:
    """Two people, not one: withdraw what joins two tracks.  Returns the sha256 of their video; None: no such link.

    What both asked as one face is asked of each.  Let nothing stand before or after it in its transaction: it takes
    `candidates.lock`, and writes to the custody log.
    """
    sha256: str | None = db.execute(BY_LINK, {"link": link}).scalar()
    if sha256 is not None:
        faces.withdraw_link(db, link, actor, people_per_track)
    return sha256


# --- putting it together -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """The faces of every analysis that is concerned, by what was decided of each itself."""

    analyses: Mapping[int, Sequence[RowMapping]]
    """blob -> its analyses, the newest last; of files that are not drawn up themselves, those with decisions"""
    own: Mapping[int, Sequence[Face]]
    """analysis -> faces"""
    tracks: Mapping[int, Sequence[Seen]]
    """analysis -> where its tracks were, if there is another analysis to compare with, and something to compare"""
    passages: Mapping[int, Sequence[Passage]]
    """blob -> what other files show of it"""

    @classmethod
    def read(
        cls,
        db: Connection,
        drawn: Sequence[int],
        concerned: Sequence[int],
        passages: Sequence[Passage],
        as_of: datetime | None,
    ) -> "_Seen":
        rows = db.execute(ANALYSES, {"drawn": list(drawn), "blobs": concerned, "as_of": as_of}).mappings().all()
        own = _own_faces(db, [row["id"] for row in rows], as_of)
        bare = cls(_grouped(rows, itemgetter("blob")), own, {}, _grouped(passages, attrgetter("blob")))
        tracks = footage.seen(db, sorted(bare._compared()))
        return replace(bare, tracks=_grouped(tracks, attrgetter("analysis")))

    def _compared(self) -> set[int]:
        """Analyses with faces to be found in another one: where something is known of a face, it is sought here."""
        found: set[int] = set()
        for blob, rows in self.analyses.items():
            there = {analysis for analysis, _ in self._others(blob, rows) if self._decided(analysis)}
            found |= {rows[-1]["id"], *there} if there else there
        return found

    def look(self, blob: int) -> Look | None:
        """What the roll call of a file rests on."""
        rows = self.analyses.get(blob)
        return Look(**{field.name: rows[-1][field.name] for field in fields(Look)}) if rows else None

    def faces(self, blob: int) -> tuple[Face, ...]:
        """Of its newest analysis, with what is known of each from elsewhere."""
        rows = self.analyses.get(blob)
        if not rows:
            return ()
        newest: int = rows[-1]["id"]
        more: dict[int, list[Face]] = defaultdict(list)
        for analysis, stretch in self._others(blob, rows):
            for here, there in self._pairs(newest, analysis, stretch):
                more[here.number].append(there)
        return tuple(_with(face, more[face.number]) for face in self.own.get(newest, ()))

    def _others(self, blob: int, rows: Sequence[RowMapping]) -> Iterator[tuple[int, Overlap | None]]:
        """Other looks at the same footage; None: at the same file."""
        for older in rows[:-1]:
            yield older["id"], None
        for passage in self.passages.get(blob, ()):
            for other in self.analyses.get(passage.other, ()):
                yield other["id"], passage.stretch

    def _pairs(self, here: int, there: int, stretch: Overlap | None) -> Iterator[tuple[Face, Face]]:
        """Faces of two analyses that are one, where the other's says something."""
        decided = self._decided(there)
        if not decided:
            return
        mine = self.own.get(here, ())
        yield from ((one, other) for one in mine for other in decided if _same_person(one, other, stretch))
        here_by_track, there_by_track = _by_track(mine), _by_track(decided)
        ours, theirs = self.tracks.get(here, ()), self.tracks.get(there, ())
        for other in theirs:
            if other.track in there_by_track:
                for one in same_face.elsewhere(other, theirs, ours, stretch and stretch.turned()):
                    yield here_by_track[one.track], there_by_track[other.track]

    def _decided(self, analysis: int) -> list[Face]:
        return [face for face in self.own.get(analysis, ()) if face.state is not FaceState.UNKNOWN]


def _own_faces(db: Connection, analyses: Sequence[int], as_of: datetime | None) -> Mapping[int, Sequence[Face]]:
    """Analysis -> its faces in the order in which they come, by what was decided of themselves."""
    home, looks = {}, {}
    asked_of = {"analyses": analyses, "as_of": as_of}
    for row in db.execute(TRACKS, asked_of).mappings():
        home[row["track"]] = row["analysis"]
        looks[row["track"]] = Appearance(**{name: row[name] for name in APPEARANCE})
    rows = db.execute(QUESTIONS if as_of is None else QUESTIONS_THEN, asked_of).mappings()
    asked = _grouped((Question(**{**row, "names": tuple(row["names"])}) for row in rows), attrgetter("track"))
    links = _grouped(faces.links_of(db, *analyses, as_of=as_of), attrgetter("one"))
    joined = faces.members_of(db, analyses, as_of)
    groups = [tuple(sorted(map(looks.__getitem__, group), key=_when)) for group in joined]
    found: dict[int, list[Face]] = defaultdict(list)
    for tracks in sorted(groups, key=lambda tracks: _when(tracks[0])):
        mine = found[home[tracks[0].track]]
        mine.append(_face_of(len(mine) + 1, tracks, asked, links))
    return found


def _when(one: Appearance) -> tuple[int, int]:
    return one.start_ms, one.track


def _face_of(
    number: int,
    tracks: tuple[Appearance, ...],
    questions: Mapping[int, Sequence[Question]],
    links: Mapping[int, Sequence[LinkKept]],
) -> Face:
    asked = tuple(question for one in tracks for question in questions.get(one.track, ()))
    held = {DECIDED[one.state] for one in asked if one.state in DECIDED}
    held |= {FaceState.REJECTED for one in tracks if one.refused}
    joined = tuple(link for one in tracks for link in links.get(one.track, ()))
    return Face(number, tracks, joined, asked, _nearest_to_an_answer(held))


def _with(face: Face, others: Sequence[Face]) -> Face:
    """A face with what is known of it from elsewhere."""
    if not others:
        return face
    known = {one.id: replace(one, elsewhere=True) for other in others for one in other.asked}
    state = _nearest_to_an_answer({face.state, *(other.state for other in others)})
    return replace(face, state=state, questions=(*face.questions, *known.values()))


def _nearest_to_an_answer(states: set[FaceState]) -> FaceState:
    return min(states, key=NEAREST.index, default=FaceState.UNKNOWN)


def _same_person(one: Face, other: Face, stretch: Overlap | None) -> bool:
    """The same entry is proposed for both while both are to be seen, and the question is asked of the other."""
    proposed = {question.register_number for question in one.questions if question.state in CARRIED}
    if not proposed & {question.register_number for question in other.asked}:
        return False
    shown = [there for span in one.spans if (there := stretch.shows(*span) if stretch else span)]
    return any(begin <= end and start <= until for begin, until in shown for start, end in other.spans)


def _by_track(found: Iterable[Face]) -> dict[int, Face]:
    return {one.track: face for face in found for one in face.appearances}


def _everywhere(places: Mapping[int, Sequence[Place]], blob: int, passages: Sequence[Passage]) -> list[Place]:
    """Where the footage was published, earliest seen first."""
    found = list(places.get(blob, ()))
    for passage in passages:
        found += [replace(place, passage=passage) for place in places.get(passage.other, ())]
    return sorted(found, key=lambda place: (place.first_seen_at, place.post))


def _once(calls: Sequence[RollCall]) -> Iterator[RollCall]:
    """Each footage once: a file is left out whose every face another one shows that is listed and linked to it."""
    listed: set[str] = set()
    for call in sorted(calls, key=lambda call: (-len(call.faces), call.first_seen_at, call.blob)):
        copies = [passage for sha256, passage in call.copies if sha256 in listed]
        if not (call.faces and all(_is_within(face, copies) for face in call.faces)):
            listed.add(call.sha256)
            yield call


def _is_within(face: Face, passages: Sequence[Passage]) -> bool:
    """Another file shows it whenever this one does; that it is to be seen a moment longer here makes it nobody else."""
    return any(all(passage.stretch.shows(start, end) for start, end in face.spans) for passage in passages)


def _grouped(rows: Iterable[Item], key: Callable[[Item], int]) -> Mapping[int, list[Item]]:
    found: dict[int, list[Item]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found
