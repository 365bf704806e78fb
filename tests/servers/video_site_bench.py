"""What one page of the loopback video site costs to fetch: `python -m tests.servers.video_site_bench [--pages N]`."""

import argparse
import sys
import tempfile
import time
from ipaddress import ip_network
from pathlib import Path

from extractors.video_sites import Sites, fetch
from lastseen.records import Fetched, Platform, Source
from lastseen.settings import Settings
from tests.servers.video_site import Page, VideoSite

CONTENT = b"\x00\x00\x00\x18ftypmp42" + bytes(10_000)
ALONE = 10
"""pages that are fetched by a program of their own"""


def main() -> None:
    """Print seconds a page: with one program for all, and with one for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.video_site_bench", description=__doc__)
    parser.add_argument("--pages", type=int, default=100, help="how many are fetched by one program")
    count = parser.parse_args().pages
    settings = Settings(_env_file=None, allow_private_addresses=(ip_network("127.0.0.1/32"),))
    with VideoSite([Page(f"page-{n}", CONTENT) for n in range(count)]) as site, tempfile.TemporaryDirectory() as folder:
        sources = [Source(1, Platform.VIDEO_SITE, site.url(page.path), "a bench") for page in site.shown()]
        with Sites(settings) as sites:
            _check(sites.fetch(sources[0].address, sources[0], Path(folder, "first")))
            began = time.monotonic()
            for number, source in enumerate(sources):
                _check(sites.fetch(source.address, source, Path(folder, str(number))))
        warm = (time.monotonic() - began) / count
        began = time.monotonic()
        for number, source in enumerate(sources[:ALONE]):
            _check(fetch(source.address, source, settings, Path(folder, f"alone-{number}")))
        alone = (time.monotonic() - began) / min(ALONE, count)
    sys.stdout.write(f"one program for all: {warm:.3f} s a page; one for each: {alone:.3f} s a page\n")


def _check(fetched: object) -> None:
    if not isinstance(fetched, Fetched):
        raise SystemExit(f"not fetched: {fetched}")


if __name__ == "__main__":
    main()
