"""The loopback video site by hand: `python -m tests.servers.video_site [FOLDER] [--demo] [--port N]`."""

import argparse
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.servers.video_site import Answer, Page, VideoSite, films, redirect, walls

VTT = b"WEBVTT\n\n00:00.000 --> 00:02.000\nBy the river\n"


def from_folder(folder: Path) -> Iterator[Page]:
    """A page for every file of a folder, dated as the file."""
    for path in sorted(folder.iterdir()):
        if path.is_file():
            date = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
            yield Page(path.stem, path, title=path.stem, published=date, suffix=path.suffix.lstrip(".") or "bin")


def demo() -> Iterator[Page]:
    """A page of each kind."""
    now, picture = datetime.now(UTC), films.jpeg()
    texts = {"uk": VTT, "en": VTT}
    yield Page("whole", films.mp4(), duration=4, thumbnail=picture, subtitles=texts)
    yield Page("short", films.mp4(2), title="half of what its page says", duration=4)
    yield Page("hls", files=films.hls(), source="film.m3u8", duration=4)
    yield Page("hls-apart", files=films.hls_apart(), source="master.m3u8", duration=4, thumbnail=picture)
    yield Page("dash", files=films.dash(), source="film.mpd", duration=4, subtitles=texts)
    holed = films.hls(seed=1)
    holes = {name: content for name, content in holed.items() if name != "film2.ts"}
    yield Page("holed", title="a piece is missing", files=holes, source="film.m3u8", duration=4)
    yield Page("live", films.mp4(), live=(now - timedelta(hours=1), None), thumbnail=picture)
    yield Page("upcoming", films.mp4(), live=(now + timedelta(days=1), None))
    yield Page("was-live", films.mp4(seed=2), live=(now - timedelta(hours=3), now - timedelta(hours=2)))


WALLS = {
    "removed": walls.removed(),
    "login": walls.login(),
    "age": walls.age(),
    "country": walls.country(),
    "robots": walls.robots(),
    "too-many": walls.too_many(60),
    "too-many-untold": walls.too_many(),
    "overloaded": walls.overloaded(),
    "private": redirect("http://10.0.0.1/"),
    "slow": Answer(body=b"<html>", delay=3600),
    "endless": Answer(body=b"<p>more</p>" * 1000, headers={"Content-Length": "", "Connection": "close"}, endless=True),
}
"""name of a page -> what it answers"""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.video_site", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="its files are published")
    parser.add_argument("--demo", action="store_true", help="a page for each kind of stream, fault and refusal")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    arguments = parser.parse_args()
    if arguments.folder is None and not arguments.demo:
        parser.error("give a folder, or --demo")
    if arguments.folder is not None and not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    published = [*(from_folder(arguments.folder) if arguments.folder else ()), *(demo() if arguments.demo else ())]
    with VideoSite(published, arguments.port) as site:
        if arguments.demo:
            for name, answer in WALLS.items():
                site.add(Page(name))
                site.answer(f"/watch/{name}", answer)
        sys.stdout.write(f"{site.url('/feed.rss')}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
