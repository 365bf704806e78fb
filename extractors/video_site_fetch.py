"""The files of one page: its video, what stands beside it, and why it cannot be had.  In the child only.

Each file is written as the server sends it.  A thumbnail or a subtitle that cannot be had does not take the video
along: it is said in a note.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from extractors import yt_dlp_faults, yt_dlp_reader
from extractors.video_site_messages import Request
from extractors.yt_dlp_reader import AUDIO, HLS, PLAIN, PROTOCOLS, VIDEO, Live, TooLarge, TooLong, word
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone
from lastseen.records import FetchedFile, FileRole, PageFile

BLOCK_BYTES: Final = 1 << 20
MAGIC_BYTES: Final = 512
SIDE_BYTES: Final = 64 << 20
"""of one thumbnail or subtitle: no honest one comes near"""
THUMBNAILS_TRIED: Final = 3
MOST_LANGUAGES: Final = 100
"""of subtitles: more than any site has that people wrote"""
READABLE: Final = ("vtt", "srt", "ass", "ssa", "ttml", "srv3", "json3")
"""forms of subtitles, those first that hold most of what the site knows and can be read by anybody"""
SOON: Final = timedelta(minutes=10)
"""after the announced start of something that is not published yet"""
LONGEST_ANNOUNCED: Final = timedelta(days=7)
"""what is announced for a moment later than that is looked at before: it may be taken off, or moved"""
SHORTEST_LIVE: Final = timedelta(minutes=10)
LONGEST_LIVE: Final = timedelta(hours=6)
UNTOLD: Final = timedelta(hours=1)
"""between two looks at what is announced for no moment, or for one that is over"""
LIVE_PART: Final = 4
"""what is live is looked at again when it has lasted a quarter longer"""

MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (4, b"styp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"FLV\x01", "video/x-flv"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"OggS", "video/ogg"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (8, b"WEBP", "image/webp"),
    (0, b"GIF8", "image/gif"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"WEBVTT", "text/vtt"),
    (0, b"\xef\xbb\xbfWEBVTT", "text/vtt"),
)
"""(offset, bytes, media type); the first that fits"""
TS_PACKET: Final = 188

Info = Mapping[str, Any]
How = dict[str, str | int]


@dataclass(slots=True)
class Brought:
    """What came of one page."""

    info: Info | None = None
    """of the page: of a list, where it has several videos"""
    files: list[PageFile] = field(default_factory=list)
    duration: float | None = None
    notes: list[str] = field(default_factory=list)
    refused: NotDone[Any] | None = None


class Failed(Exception):
    """Carries an outcome out of the depth."""

    def __init__(self, outcome: NotDone[Any]) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


@dataclass(slots=True)
class Fetch:
    """One page's video, the `number`-th of it."""

    reader: yt_dlp_reader.Reader
    request: Request
    address: str
    number: int
    brought: Brought = field(default_factory=Brought)

    def run(self) -> Brought:
        """The files; or the refusal, with whatever was learnt of the page until then."""
        now = utcnow()
        self.reader.before_download = lambda info: self._check(info, now)
        try:
            self._video()
        except Failed as failed:
            self.brought.refused = failed.outcome
        except yt_dlp_reader.NoVideo:
            self.brought.refused = self._no_video()
        except Exception as fault:  # noqa: BLE001  the boundary: yt-dlp and the sites raise what they like
            self.brought.refused = yt_dlp_faults.classify(fault)
        if self.brought.refused is None:
            self._beside()
        else:
            self._what_is_left()
        return self.brought

    # --- the video ----------------------------------------------------------------------------------------

    def _video(self) -> None:
        info = self.reader.extract_info(self.address, download=True)
        self.brought.info = info
        videos = [each for each in (info or {}).get("entries") or [info] if each]
        if not videos:
            raise Failed(NotDone(Fault.GONE, f"the page has no video number {self.number} any more"))
        if videos[0].get("_type", "video") != "video":
            raise Failed(NotDone(Fault.SKIPPED, "a list, not a video: add it as a source of its own"))
        self.brought.duration = _seconds(videos[0])
        for name, role in ((VIDEO, FileRole.VIDEO), (AUDIO, FileRole.AUDIO)):
            if name in self.reader.brought:
                file = measured(self.request.scratch / name)
                self.brought.files.append(PageFile(_role(role, file), file, self.reader.brought[name]))
        if not self.brought.files:
            raise Failed(NotDone(Fault.DEFECT, "the download ended without a file"))

    def _no_video(self) -> NotDone[Any]:
        """Why the page could be read, and gives nothing to download."""
        formats = (self.reader.page or {}).get("formats") or ()
        pictured = [each for each in formats if each.get("vcodec") != "none"]
        if pictured:
            ways = ", ".join(sorted({str(each.get("protocol")) for each in pictured}))
            return NotDone(Fault.SKIPPED, yt_dlp_faults.one_line(f"not allowed: a video that comes by {ways}"))
        if any(each.get("acodec") != "none" for each in formats):
            return NotDone(Fault.SKIPPED, "sound only, no video")
        return yt_dlp_faults.by_warnings(self.reader.warnings)

    def _check(self, info: Info, now: datetime) -> None:
        """Raises Live, TooLong and TooLarge before anything is downloaded."""
        refuse_live(info, now)
        seconds = _seconds(info)
        if seconds is not None and seconds > self.request.max_seconds:
            raise TooLong(f"{seconds:.0f} s")
        size = info.get("filesize")
        if isinstance(size, int) and size > self.request.max_bytes:
            raise TooLarge(f"{size} bytes")

    # --- what stands beside it ----------------------------------------------------------------------------

    def _beside(self) -> None:
        page = self.reader.page or {}
        self._thumbnail(page)
        for place, (language, form, automatic) in enumerate(subtitles(page)):
            how: How = {
                "language": word(language),
                "automatic": int(automatic),
                "extension": word(str(form.get("ext") or "")),
            }
            self._side(FileRole.SUBTITLE, f"subtitle {language}", f"subtitle-{place:03}", form, how)

    def _what_is_left(self) -> None:
        """Of a video that cannot be had: its page, and the picture that stands for it."""
        refused, page = self.brought.refused, self.reader.page
        self.brought.files = []
        if refused is None or page is None or page.get("playlist_index"):
            return
        if refused.fault in (Fault.SKIPPED, Fault.BLOCKED, Fault.WAIT):
            self.brought.info = self.brought.info or page
        if refused.fault in (Fault.SKIPPED, Fault.BLOCKED):
            self._thumbnail(page)

    def _thumbnail(self, page: Info) -> None:
        tried = [each for each in page.get("thumbnails") or () if isinstance(each.get("url"), str)]
        for each in tried[: -THUMBNAILS_TRIED - 1 : -1]:
            if self._side(FileRole.THUMBNAIL, "thumbnail", "thumbnail", each, {}):
                return

    def _side(self, role: FileRole, called: str, name: str, form: Info, how: How) -> bool:
        path = self.request.scratch / name
        try:
            how = self._saved(form, path) | how
            self.brought.files.append(PageFile(role, measured(path), how))
        except Failed as failed:
            self.brought.notes.append(f"{called}: {failed.outcome.why}")
        except Exception as fault:  # noqa: BLE001  the boundary, as above: it must not take the video along
            self.brought.notes.append(f"{called}: {yt_dlp_faults.classify(fault).why}")
        else:
            return True
        return False

    def _saved(self, form: Info, path: Path) -> How:
        if isinstance(form.get("data"), str):
            path.write_bytes(form["data"].encode(errors="replace"))
            return {"protocol": "page"}
        address, protocol = str(form["url"]), str(form.get("protocol") or form["url"].partition(":")[0])
        if protocol in HLS:
            self.reader.save_pieces({**form, "ext": "unknown_video", "id": "subtitle"}, path)
            return {"protocol": PROTOCOLS[protocol]}
        self.reader.save(address, form.get("http_headers") or {}, path, SIDE_BYTES)
        return {"protocol": protocol}


def refuse_live(info: Info, now: datetime) -> None:
    """Raises Live for what is announced, live, or not ready yet; it says when to look again."""
    status, starts = info.get("live_status"), info.get("release_timestamp")
    began = _moment(starts) or (_moment(info.get("timestamp")) if info.get("is_live") else None)
    if status == "is_upcoming":
        until = began + SOON if began and began > now else now + UNTOLD
        raise Live("it is announced for later", min(until, now + LONGEST_ANNOUNCED))
    if status == "post_live":
        raise Live("it was live a moment ago, and is not a video yet", now + SHORTEST_LIVE)
    if info.get("is_live") or status == "is_live":
        lasted = (now - began) / LIVE_PART if began else timedelta()
        raise Live("live now: it is fetched when it is a video", now + min(max(lasted, SHORTEST_LIVE), LONGEST_LIVE))


def _moment(stated: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(stated, UTC) if isinstance(stated, int | float) else None
    except (OverflowError, OSError, ValueError):
        return None


def subtitles(page: Info) -> Iterator[tuple[str, Info, bool]]:
    """(language, form, made by a machine): each language that the site states, in one form.

    Machines' words only where there are no others, and then not those that a machine translated.
    """
    stated = _written(page.get("subtitles"))
    heard = {} if stated else _written(page.get("automatic_captions"))
    spoken = [name for name in heard if name.endswith("-orig") or name == page.get("language")] or list(heard)[:1]
    for language, forms in sorted(stated.items())[:MOST_LANGUAGES]:
        yield language, _best(forms), False
    for language in spoken:
        yield language, _best(heard[language]), True


def _written(said: object) -> dict[str, list[Info]]:
    """Those that are files: a live chat is none."""
    named = said.items() if isinstance(said, Mapping) else ()
    forms = {str(language): [each for each in several or () if _is_file(each)] for language, several in named}
    return {language: several for language, several in forms.items() if several}


def _is_file(form: Info) -> bool:
    protocol = form.get("protocol") or str(form.get("url") or "").partition(":")[0]
    return isinstance(form.get("data"), str) or protocol in (*PLAIN, *HLS)


def _best(forms: list[Info]) -> Info:
    order = {name: place for place, name in enumerate(READABLE)}
    return min(forms, key=lambda form: order.get(str(form.get("ext")), len(order)))


def _seconds(info: Info) -> float | None:
    stated = info.get("duration")
    return float(stated) if isinstance(stated, int | float) and stated > 0 else None


def _role(role: FileRole, file: FetchedFile) -> FileRole:
    picture = file.media_type.startswith("image/") and file.media_type != "image/gif"
    return FileRole.IMAGE if role is FileRole.VIDEO and picture else role


def measured(path: Path) -> FetchedFile:
    """Hash the file while it is read from its beginning to its end."""
    if not path.is_file():
        raise Failed(NotDone(Fault.DEFECT, "the download ended without a file"))
    digest, size, head = hashlib.sha256(), 0, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            head = head or block[:MAGIC_BYTES]
            digest.update(block)
            size += len(block)
    if not size:
        raise Failed(NotDone(Fault.DEFECT, "the server sent 0 bytes"))
    return FetchedFile(str(path), digest.hexdigest(), size, media_type(head))


def media_type(head: bytes) -> str:
    """What the first bytes of a file say that it is, whatever it is called."""
    for offset, magic, name in MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    if head[:1] == b"G" and head[TS_PACKET : TS_PACKET + 1] == b"G":
        return "video/mp2t"
    return "application/octet-stream"
