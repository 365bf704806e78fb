"""Assumptions about yt-dlp that the reader stands on."""

import re
from pathlib import Path

import pytest
import yt_dlp
from yt_dlp.downloader.common import FileDownloader
from yt_dlp.downloader.fragment import FragmentFD

from extractors.addresses import NotAllowed
from extractors.yt_dlp_reader import Reader, common_options, fetching_options, listing_options

HOME = "https://example.org/videos"


def documented() -> set[str]:
    """The parameters that yt-dlp's own docstrings name."""
    text = "\n".join(str(each.__doc__) for each in (yt_dlp.YoutubeDL, FileDownloader, FragmentFD))
    return set(re.findall(r"^ {4}(\w+)[: ]", text, re.MULTILINE))


def reader(tmp_path: Path, *extractors: str) -> Reader:
    """A Reader whose source is HOME."""
    return Reader(common_options(extractors, tmp_path) | listing_options(5), HOME, (), tmp_path)


def test_every_option_is_one_that_the_library_documents(tmp_path: Path) -> None:
    ours = {**common_options(("generic",), tmp_path), **listing_options(5), **fetching_options(1, 10)}
    assert set(ours) - documented() == set()
    assert "no_such_parameter" not in documented()


def test_a_name_stands_for_all_extractors_of_the_site(tmp_path: Path) -> None:
    with reader(tmp_path, "youtube") as youtube:
        assert youtube.extractor_key("https://www.youtube.com/watch?v=BaW_jenozKc") == "Youtube"
        assert youtube.extractor_key("https://www.youtube.com/@someone/videos") == "YoutubeTab"
        assert youtube.temporary_id("https://www.youtube.com/watch?v=BaW_jenozKc", "Youtube") == "BaW_jenozKc"
        with pytest.raises(NotAllowed, match="LASTSEEN_ALLOWED_EXTRACTORS"):
            youtube.extractor_key("https://vimeo.com/123")


def test_the_generic_extractor_stays_on_the_host_of_the_source(tmp_path: Path) -> None:
    with reader(tmp_path, "generic") as generic:
        assert generic.extractor_key("https://www.example.org/other") == "Generic"
        with pytest.raises(NotAllowed, match="add it as a source of its own"):
            generic.extractor_key("https://elsewhere.example/a.mp4")
        with pytest.raises(NotAllowed, match="only http and https"):
            generic.extractor_key("file:///etc/passwd")


def test_there_is_one_http_client_whatever_is_installed(tmp_path: Path) -> None:
    with reader(tmp_path, "generic") as generic:
        assert list(generic._request_director.handlers) == ["Urllib"]
        assert generic.proxies == {"all": "__noproxy__"}
        with pytest.raises(NotAllowed):
            generic.urlopen("http://10.0.0.1/")
