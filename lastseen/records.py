"""What the rooms hand to each other: frozen rows with a comment a field.

Times inside a video are whole milliseconds on the stream's own clock; boxes are pixels of the picture as shown
(rotation applied); vectors are float32.  Times of day are aware and in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""height x width x 3, RGB"""
Vectors = NDArray[np.float32]
"""rows x dimension"""
Eyes = tuple[tuple[float, float], tuple[float, float]]
"""middles of both eyes, x and y in pixels; that one first which is on the left of an upright picture"""


class Platform(StrEnum):
    """Where a source lives."""

    TELEGRAM = "telegram"
    VIDEO_SITE = "video_site"


class Seen(StrEnum):
    """Whether an observation found the post there."""

    PRESENT = "present"
    MISSING = "missing"
    """looked for once and not there: it takes a second, later look to say that it is gone"""
    GONE = "gone"


class PersonStatus(StrEnum):
    """What a person is to the office.  It changes by a statement only."""

    MISSING = "missing"
    CAPTIVE = "captive"
    """confirmed in captivity, and still searched for: families wait for the next sign of life"""
    RETURNED = "returned"
    DECEASED = "deceased"
    """identified by DNA"""
    FOUND = "found"
    """the office did not say how"""
    WITHDRAWN = "withdrawn"


SEARCHED: Final = frozenset({PersonStatus.MISSING, PersonStatus.CAPTIVE})
"""who is searched for: of everybody else templates go and candidates close"""


class Says(StrEnum):
    """What somebody says of a person's fate."""

    MISSING = "missing"
    ALIVE = "alive"
    """seen or heard of, and not said to be held"""
    CAPTIVE = "captive"
    NOT_HELD = "not held"
    """by whoever would hold them"""
    RETURNED = "returned"
    DEAD = "dead"
    """said, and not shown by DNA"""
    DNA = "dna"
    """a body is identified"""
    FOUND = "found"
    WITHDRAWN = "withdrawn"


SETS: Final[Mapping[Says, PersonStatus]] = {
    Says.MISSING: PersonStatus.MISSING,
    Says.CAPTIVE: PersonStatus.CAPTIVE,
    Says.RETURNED: PersonStatus.RETURNED,
    Says.DNA: PersonStatus.DECEASED,
    Says.FOUND: PersonStatus.FOUND,
    Says.WITHDRAWN: PersonStatus.WITHDRAWN,
}
"""the status that the office may set because of it; what is not here stays a claim"""


SAID_OF: Final[Mapping[PersonStatus, Says]] = {status: says for says, status in SETS.items()}
"""what has to be said of somebody who is to become this"""


class StatementSource(StrEnum):
    """Where a statement stands."""

    DOCUMENT = "document"
    LIST = "list"
    LETTER = "letter"
    DECISION = "decision"
    POST = "post"
    REGISTER = "register"
    """the office's own register as it was imported, before there were statements or without one"""


@dataclass(frozen=True, slots=True)
class Called:
    """How the register calls somebody."""

    number: str
    names: tuple[str, ...]


class Badge(StrEnum):
    """How good a reference photo is: the worst of what was measured of it."""

    GOOD = "good"
    USABLE = "usable"
    POOR = "poor"
    """accepted, and the next worse photo would be refused: a better one is worth asking for"""


class TieKind(StrEnum):
    """What the office declares of two entries of its register."""

    KIN = "kin"
    """relatives: they may look alike"""
    SAME = "same"
    """one person who was entered twice"""


class FindingKind(StrEnum):
    """What can be odd about an accepted photo beside the others."""

    APART = "apart"
    """far from every other photo of its own entry: perhaps of somebody else"""
    TWICE = "twice"
    """as near to a photo of another entry as photos of one person are: entered twice, or filed under the wrong entry"""
    ALIKE = "alike"
    """near to a photo of another entry, but not so near: perhaps relatives"""


class FindingState(StrEnum):
    """What the register keeper has to do about a finding."""

    OPEN = "open"
    WARNING = "warning"
    """they are, or may be, relatives: nothing has to be done"""
    EXPLAINED = "explained"
    """somebody wrote what it is, or declared both entries to be of one person"""


# --- collecting --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """A channel or site page on the allow-list."""

    id: int
    platform: Platform
    address: str
    reason: str
    """why it may be watched"""
    since: datetime | None = None
    """what was published before is not read; None: all is"""
    with_comments: bool = False
    """its linked discussion is read, too"""
    single: bool = False
    """it is one post: nothing else of its channel or list is read"""


@dataclass(frozen=True, slots=True)
class PostSeen:
    """One post at one moment, with the raw record as it was received."""

    platform_post_id: str
    """the platform's own id of the post, within its source"""
    permalink: str
    observed_at: datetime
    method: str
    """how it was read, e.g. `video_site.listing`: only observations of one method are compared"""
    seen: Seen
    raw: bytes
    """the record as received, cleaned of secrets, as UTF-8 JSON or TL bytes"""
    raw_key: str
    """where `raw` goes in the evidence bucket"""
    content_hash: str
    """sha256 over a frozen field list: equal means that nothing an investigator cares about has changed"""
    title: str = ""
    text: str = ""
    published_at: datetime | None = None
    media: tuple["MediaSeen", ...] = ()
    audience: Mapping[str, object] | None = None
    """how many people it had met, which is no part of its content: views, likes ..., where the site says so"""


@dataclass(frozen=True, slots=True)
class SiteAccess:
    """How a site is reached, where that is not as everybody reaches it."""

    cookies: str = field(default="", repr=False)
    """a Netscape cookies file; empty: none"""
    proxy: str = field(default="", repr=False)
    """http://, or socks5h://[user:password@]host:port; empty: none"""


NO_ACCESS: Final = SiteAccess()


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one file that are for one site, and what may be told of them."""

    written: str = field(repr=False)
    """as a Netscape file"""
    names: tuple[str, ...]
    ends: tuple[datetime, ...]
    """of those that end"""
    others: int = 0
    """cookies of other sites, which were left out"""


@dataclass(frozen=True, slots=True)
class MediaSeen:
    """One attachment of a post, known by where it can be had."""

    ordinal: int
    kind: str
    """`video` or `image`"""
    address: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What one reading of a source showed."""

    posts: tuple[PostSeen, ...]
    first: str
    """platform's id of the newest post read"""
    last: str
    """platform's id of the oldest post read"""
    complete: bool
    """the listing was read to its end"""


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """One file as the server sent it, on local disk, hashed while it was read."""

    path: str
    sha256: str
    size: int
    """bytes"""
    media_type: str


class FileRole(StrEnum):
    """What a file is to the page that it comes from; also the kind of its media item."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    """the sound of a video, where the site has it apart"""
    THUMBNAIL = "thumbnail"
    SUBTITLE = "subtitle"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of a page, as the server sent it."""

    role: FileRole
    file: FetchedFile
    how: Mapping[str, str | int]
    """how it came over the wire: `protocol`, `fragments` joined, `format`, `language` ..., as far as there is such"""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought: the page at that moment, and its files."""

    post: PostSeen
    files: tuple[PageFile, ...] = ()
    """the video or picture first; without one where it was refused, and this is what was learnt on the way"""
    duration: float | None = None
    """seconds that the page says the video lasts"""
    note: str = ""
    """what is missing beside the video, in words"""

    @property
    def file(self) -> FetchedFile:
        """The video or picture itself.  Raises LookupError if it could not be had."""
        return self.files[0].file


# --- Telegram ----------------------------------------------------------------------------------------------

TELEGRAM_EXPORT: Final = "telegram.export"
"""method of observations that say what an export stated, and not what Telegram showed us"""


class ChatRole(StrEnum):
    """What a chat is to the source that it is read for."""

    CHANNEL = "channel"
    """the source itself"""
    COMMENTS = "comments"
    """the discussion that is linked to it"""


@dataclass(frozen=True, slots=True)
class MessageRange:
    """A closed range of message numbers, at least one long."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ChatSeen:
    """A chat as Telegram describes it to one account."""

    chat: int
    """Telegram's own id of it"""
    access_hash: int
    """without which this account may not name it; every account has another one"""
    username: str
    """without `@`; empty: it has none"""
    title: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of a source, and how far it was read."""

    id: int
    """row id"""
    source: int
    """row id"""
    role: ChatRole
    seen: ChatSeen
    first: int | None
    """number of the first message that is to be read; None: not known yet"""
    held: tuple[MessageRange, ...]
    """what is proven to have been read, in order, no two of them adjacent"""
    again: tuple[MessageRange, ...] = ()
    """what somebody has asked to read anew, all the same"""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """One file of a message that shows pictures, and how an account gets at it."""

    file: str
    """Telegram's own id, `document/<id>` or `photo/<id>`: one id is one and the same file, wherever it is posted"""
    kind: str
    """`video` or `image`"""
    media_type: str
    size: int
    """bytes, as stated"""
    locator: Mapping[str, str | int]
    """what the request for its bytes needs; good for one account, and for some hours"""


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """One message of a chat at one moment."""

    number: int
    """its id within its chat"""
    permalink: str
    published_at: datetime | None
    seen: Seen
    content_hash: str
    """sha256 over a frozen field list, without views and reactions"""
    text: str
    facts: Mapping[str, object]
    """album, origin, reply, author, edit, files, hidden links ...: JSON values, only what is there"""
    audience: Mapping[str, object] | None = None
    """how many people it had met, which is no part of its content: views, forwards, replies, and reactions (emoji, or
    `custom:<id>`, -> how often), where Telegram says so"""
    files: tuple[FileSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one bounded reading of one chat brought: kept in one transaction, or not at all."""

    role: ChatRole
    chat: ChatSeen
    account: int | None
    """row id of the account that read; None: nobody did, and what it brought is what an export states"""
    method: str
    """how it was read, e.g. `telegram.message`: only observations of one method are compared"""
    observed_at: datetime
    messages: tuple[MessageSeen, ...]
    """in the order of their numbers, each once"""
    covered: tuple[MessageRange, ...] = ()
    """what this reading proves to have been read"""
    first: int | None = None
    """number of the first message that is to be read, where that was found out"""
    stated: int | None = None
    """how many messages the chat says it has"""
    raw_key: str = ""
    """where the answers as received lie in the evidence bucket; empty: they told nothing new"""
    raw_sha256: str = ""

    @property
    def live(self) -> bool:
        """Telegram itself was looked at."""
        return self.account is not None


@dataclass(frozen=True, slots=True)
class Wait:
    """Telegram asked an account to wait before its next request of one kind."""

    account: int
    request: str
    """such as `GetHistory`"""
    seconds: int
    until: datetime


# --- faces -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; may reach over the picture's edge."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class FaceSeen:
    """One detection on one sampled picture."""

    at_ms: int
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What the gates looked at.  Values are kept whether or not they passed."""

    width: float
    """of the face, pixels"""
    score: float
    """the detector's"""
    sharpness: float
    """variance of the Laplacian of the aligned chip"""
    pose: float
    """0 frontal .. 1 profile, from the landmarks' symmetry"""
    norm: float | None = None
    """0 .. 1: how good the network itself takes the picture to be; None: it does not say, or was not asked"""


@dataclass(frozen=True, slots=True)
class BestShot:
    """One of the pictures of a track that are worth looking at."""

    ordinal: int
    at_ms: int
    box: Box
    quality: Quality
    crop: bytes
    """JPEG of the face with some surroundings, other faces blurred"""
    weight: float
    """0 .. 1: how good it is to look at and to search with; 0 if it passed no gate"""
    eyes: Eyes | None = None
    """on the crop"""


@dataclass(frozen=True, slots=True)
class Template:
    """An embedding with its provenance."""

    kind: str
    """`pooled` (of a track's best shots), `best`, `best-2`, ... (single shots, the best first) or `photo`"""
    vector: tuple[float, ...]
    quality: float
    """0 .. 1: what the engine makes of the pictures it came from"""


@dataclass(frozen=True, slots=True)
class Shot:
    """The pictures between two cuts."""

    ordinal: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Track:
    """One face followed through one shot."""

    ordinal: int
    shot: int
    start_ms: int
    end_ms: int
    faces: tuple[FaceSeen, ...]
    best_shots: tuple[BestShot, ...]
    templates: tuple[Template, ...]
    gate: str = ""
    """why it is kept but not searched; empty: it is searched"""


@dataclass(frozen=True, slots=True)
class CastLink:
    """Two tracks of one video that show one face: a finding that can be withdrawn; tracks are never merged."""

    one: int
    """ordinal of a track; the lower of the two"""
    other: int
    distance: float
    """of their pooled templates"""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that the sandboxed child found in one blob."""

    kind: str
    """`video` or `image`"""
    width: int
    height: int
    duration_ms: int
    """from the first decoded picture to the end of the last; 0 for an image"""
    pictures_decoded: int
    pictures_sampled: int
    gaps: int
    """stretches that would not decode"""
    complete: bool
    """the pictures reach as far as the container states, and at most a second of them would not decode"""
    shots: tuple[Shot, ...]
    tracks: tuple[Track, ...]
    note: str = ""
    cast: tuple[CastLink, ...] = ()
    """tracks joined by links are one face; no two links say the same, so withdrawing one divides a face in two"""
    unfollowed: int = 0
    """faces on the fullest picture that were not followed, since there were too many of them"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file looks like, as a sequence of perceptual hashes: no biometric data."""

    kind: str
    """`video` or `image`"""
    width: int
    height: int
    """of its largest picture, as shown"""
    duration_ms: int
    """0 for an image"""
    complete: bool
    """all of it was seen"""
    moments: bytes = field(repr=False)
    """when, in milliseconds on the file's own clock, rising: four bytes each, the lowest first; flat pictures have
    none"""
    hashes: bytes = field(repr=False)
    """of each moment 64 bytes: the whole picture's hash, and its inner part's"""
    mirrored: bytes = field(repr=False)
    """the same, left for right"""
    light: bytes = field(repr=False)
    """of a still picture the mean light of 16 x 16 parts, a byte each: what differs in a copy; of a video none"""


@dataclass(frozen=True, slots=True)
class LinkedStretch:
    """From here to there a copy shows what another file shows from there to there; milliseconds on their own clocks."""

    start_ms: int
    end_ms: int
    other_start_ms: int
    other_end_ms: int
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a copy and the file that it was made from came to, laid over each other."""

    why: str
    """what the copy shows or may show that the other does not; empty: nothing that would be searched"""
    compared: int
    """pictures"""
    searched: int
    """parts of pictures that differed, and in which faces were looked for"""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An accepted reference photo."""

    template: Template
    quality: Quality
    crop: bytes
    """JPEG of the face, upright"""
    badge: Badge
    eyes: Eyes | None = None
    """on the crop"""


@dataclass(frozen=True, slots=True)
class CropKept:
    """A kept picture of a track, as a piece of a file."""

    track: int
    """row id; the pieces of one track follow each other"""
    offset: int
    """bytes"""
    length: int
    at_ms: int
    box: Box
    """of the face, in pixels of the picture that it was cut from"""


@dataclass(frozen=True, slots=True)
class CropsKept:
    """The kept pictures of some tracks of one analysis."""

    width: int
    """of the pictures that they were cut from, pixels"""
    height: int
    crops: tuple[CropKept, ...]


@dataclass(frozen=True, slots=True)
class TrackReembedded:
    """What another engine makes of a track's kept pictures."""

    track: int
    """row id"""
    pictures: int
    """how many of them opened"""
    templates: tuple[Template, ...]
    """none: on no picture does it find a face that passes its gates"""


@dataclass(frozen=True, slots=True)
class Reembedded:
    """The same of some tracks."""

    tracks: tuple[TrackReembedded, ...]


@dataclass(frozen=True, slots=True)
class MomentWanted:
    """Where to cut, whose face to show and whose to cover."""

    at_ms: int
    faces: tuple[FaceSeen, ...]
    """of the track that is shown"""
    others: tuple[tuple[FaceSeen, ...], ...]
    """of every other track of the same blob"""
    crowd: bool = False
    """there are more faces than were followed: everything but the one that is shown has to be covered"""


@dataclass(frozen=True, slots=True)
class Moment:
    """The seconds around a best shot, re-encoded for the people who look at it."""

    clip: bytes
    """MP4, H.264, no sound, other faces blurred; empty for an image"""
    still: bytes
    """JPEG of the whole picture, other faces blurred"""
    start_ms: int
    end_ms: int
    frames: tuple[int, ...] = ()
    """when each picture of the clip is shown, ms from its beginning, rising; empty for an image"""


@dataclass(frozen=True, slots=True)
class FilmWanted:
    """What a film of a photograph is to be like."""

    width: int
    height: int
    """of a frame, in pixels"""
    rate: float
    """pictures a second"""
    seconds: float
    face_width: float
    """pixels, at first; a face that is narrower on its photo stays as it is"""
    crf: int
    """x264's constant quality: higher is poorer"""
    zoom: float
    """by what part of itself the picture grows; below 0 it shrinks"""
    drift: tuple[float, float]
    """how far it moves across and down, -1 .. 1 of what is usual"""
    since_ms: int
    """where in a longer film it is said to begin"""


@dataclass(frozen=True, slots=True)
class DisguiseWanted:
    """How a reference photo is to be made to look like a picture that was published, and like a film."""

    face_width: float
    """pixels; a face that is narrower stays as it is"""
    quality: int
    """of the JPEG that it is saved as before it is cut"""
    film: FilmWanted | None = None
    """None: no film"""


@dataclass(frozen=True, slots=True)
class DisguisedShot:
    """One picture of the face in a film of a photo."""

    at_ms: int
    crop: bytes
    """JPEG of the face with its surroundings"""
    eyes: Eyes | None
    """on the crop"""


@dataclass(frozen=True, slots=True)
class DisguisedFilm:
    """A film of a reference photo, with what is shown of any film."""

    shots: tuple[DisguisedShot, ...]
    """the best one first"""
    moment: Moment


@dataclass(frozen=True, slots=True)
class Disguised:
    """A reference photo as if it had been published."""

    crop: bytes
    """JPEG of the face with its surroundings"""
    still: bytes
    """JPEG of the whole picture"""
    eyes: Eyes | None
    """on the crop"""
    film: DisguisedFilm | None = None
    """None: none was wanted, or the face was not found in it alone, and well enough to be searched with"""


@dataclass(frozen=True, slots=True)
class PairKnown:
    """Two reference photos of which is known whether they show one person."""

    genuine: bool
    probe: int
    """row id of the photo that is shown as if it had been published"""
    person: int
    """row id of the person with whose photos it is compared"""
    photo: int
    """the one of them that is nearest"""
    distance: float


@dataclass(frozen=True, slots=True)
class Measured:
    """How long a file with moving pictures or sound lasts, by its packets: what a header says may be cut off."""

    milliseconds: int
    """from its first packet to the end of its last; 0: no packet says when it is"""


@dataclass(frozen=True, slots=True)
class Joined:
    """A picture's and a sound's packets were copied into one file."""

    container: str
    """`mp4` or `matroska`"""
    made_with: Mapping[str, str]
    """library -> version"""


@dataclass(frozen=True, slots=True)
class Rejection:
    """The child's other verdict: this file gives nothing, and why."""

    fault: str
    """a `lastseen.outcomes.Fault`"""
    why: str


# --- register and matching ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What the office states of a person."""

    names: tuple[str, ...]
    birth_year: int | None
    """None: unknown"""
    status: PersonStatus
    region: str | None = None
    """where the person went missing, or whatever the office sorts by; None: not stated, and stays as it is"""


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """One entry of the register as the office wrote it."""

    register_number: str
    facts: PersonFacts | None
    """None: not stated, as in a folder of photos; what is known of the person stays as it is"""
    photos: tuple[str, ...]
    """paths of the photos, as found on disk"""
    kin: tuple[str, ...] = ()
    """register numbers of relatives"""
    same_as: tuple[str, ...] = ()
    """register numbers of other entries of the same person"""
    place: str = field(default="", compare=False)
    """where it stands, e.g. `row 7`; empty: in a folder"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about a photo, beside another one.  All ids are row ids."""

    kind: FindingKind
    person: int
    """whose photo it is; of two people the lower id"""
    photo: int
    other_person: int
    """whose the other one is: the same as `person` where the photo does not agree with its own entry"""
    other_photo: int
    """the nearest one"""
    distance: float
    bound: float
    """what the distance was compared with"""


@dataclass(frozen=True, slots=True)
class Match:
    """A person near a probe."""

    person: int
    """row id"""
    photo: int
    """row id of the reference photo that was nearest"""
    distance: float


@dataclass(frozen=True, slots=True)
class Found:
    """A person within the review threshold of a track, and what that is worth."""

    match: Match
    expected_false: float | None
    """people of the register expected this near to a stranger's track by chance; None: not known"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one search found, held against the calibration.  By track (row id), nearest first."""

    found: Mapping[int, tuple[Found, ...]]
    near: Mapping[int, tuple[Match, ...]]
    """the watch band: beyond the threshold, kept and shown to nobody"""
    calibration: int | None
    """row id; None: the engine's published figures"""


@dataclass(frozen=True, slots=True)
class Probes:
    """What is searched: one template a row."""

    owners: tuple[int, ...]
    """row id of the track that each vector belongs to; a track may have several"""
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Gallery:
    """What is searched in: one template a row."""

    people: tuple[int, ...]
    """row id of each vector's person"""
    photos: tuple[int, ...]
    """row id of each vector's reference photo"""
    vectors: Vectors
    halves: NDArray[np.float32] | None = None
    """half the squared length of each vector, where `matchers.gallery.ready` has worked it out"""


@dataclass(frozen=True, slots=True)
class Band:
    """Probes of one range of quality, and how near strangers come to somebody in the register.

    `curve` is (distance, people expected within it by chance), both rising: of one search of one track against the
    whole register, when nobody in it is the one shown.
    """

    least: float
    """lowest quality (of a track's templates, 0 .. 1) of this band"""
    threshold: float
    """largest distance of a candidate"""
    watch: float
    """largest distance of the watch band, at or above `threshold`"""
    curve: tuple[tuple[float, float], ...] = ()
    """empty: not known"""


@dataclass(frozen=True, slots=True)
class Calibration:
    """By what the distances of one engine are judged."""

    id: int | None
    """row id; None: nothing was measured, and these are the engine's published figures"""
    engine: str
    bands: tuple[Band, ...]
    """at least one, rising by `least`, the first from 0 on"""
    fallback: str = ""
    """why published figures are used; empty: it was measured"""


# --- names in posts ----------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """What the words of a post say of one field of an entry."""

    AGREES = "agrees"
    CLOSE = "close"
    """a letter apart, an initial, a name used at home, an age"""
    DIFFERS = "differs"
    SILENT = "not stated"
    """by the post, or by the register"""


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """An entry of the register, as far as words can name it."""

    person: int
    """row id"""
    names: tuple[str, ...]
    birth_year: int | None


@dataclass(frozen=True, slots=True)
class NameReason:
    """One field of a hint."""

    field: str
    """`surname`, `given name`, `patronymic` or `birth`"""
    said: str
    """as the post writes it; empty: it says nothing"""
    registered: str
    """as the register writes it; empty: it says nothing"""
    verdict: Verdict
    how: str = ""
    """what else there is to know: the case, an initial, an age"""


@dataclass(frozen=True, slots=True)
class NameHint:
    """The words of a text name somebody who may be this person.  No statement about any face."""

    person: int
    """row id"""
    score: float
    """0 .. 1: how much of the entry the words say; no probability"""
    reasons: tuple[NameReason, ...]
    namesakes: int
    """people of the register, this one included, whom the same words fit as well"""
