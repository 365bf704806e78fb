"""The part of the API of Mediasite that yt-dlp's extractor of that name asks for: it reads any host that has it.

Written after that extractor (2026.10.26), so that a genuine extractor with ids of its own, playlists of these, and
channels that lead to playlists is met in tests: `/Mediasite/Play/ID`, `/Mediasite/Catalog/Full/ID` and
`/Mediasite/Catalog/catalogs/NAME`.
"""

import json
from collections.abc import Sequence

from tests.servers.video_site.pages import Page, Url

CATALOG = "0" * 31 + "1"
"""id of the one catalog, which holds everything"""
PLAY = "/Mediasite/Play/"
OPTIONS = "/Mediasite/PlayerService/PlayerService.svc/json/GetPlayerOptions"
FOLDER = "/Mediasite/Catalog/Data/GetPresentationsForFolder"
HLS_TYPE = "application/x-mpegurl"


def html(path: str) -> str | None:
    """A page for people, as far as anything is read from it."""
    if path.startswith("/Mediasite/Catalog/catalogs/"):
        return f"<html><title>catalog</title><script>var x = {{CatalogId: '{CATALOG}'}};</script></html>"
    if path.startswith((PLAY, "/Mediasite/Catalog/Full/")):
        return "<html><title>Mediasite</title></html>"
    return None


def answer(path: str, body: bytes, pages: Sequence[Page], url: Url) -> bytes | None:
    """JSON for what was posted; None: there is nothing of that name."""
    if path == FOLDER:
        listed = [{"Id": page.id, "Name": page.title} for page in pages]
        return json.dumps({"CurrentFolder": {"Name": "Everything"}, "PresentationDetailsList": listed}).encode()
    if path == OPTIONS:
        wanted = json.loads(body)["getPlayerOptionsRequest"]["ResourceId"]
        page = next((page for page in pages if page.id == wanted), None)
        return None if page is None else json.dumps({"d": {"Presentation": _presentation(page, url)}}).encode()
    return None


def _presentation(page: Page, url: Url) -> dict[str, object]:
    kind = {"m3u8": HLS_TYPE, "mpd": "application/dash+xml"}.get(page.source.rpartition(".")[2], "video/mp4")
    video = {
        "Location": url(page.media_path),
        "MimeType": kind,
        "MediaType": "Dash" if page.source.endswith(".mpd") else "MP4",
    }
    stream: dict[str, object] = {"StreamType": 0, "VideoUrls": [video]}
    if page.thumbnail:
        stream["ThumbnailUrl"] = url(page.thumbnail_path)
    return {
        "Title": page.title or page.name,
        "Description": page.description,
        "Duration": None if page.duration is None else page.duration * 1000,
        "UnixTime": page.published.timestamp() * 1000,
        "Streams": [stream],
    }
