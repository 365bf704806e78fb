"""Links as people send them, honest and hostile."""

from ipaddress import ip_network

import pytest

from lastseen import links
from lastseen.errors import WrongUse
from lastseen.links import Link, NotRead
from lastseen.records import Platform

POST = Link(Platform.TELEGRAM, "@some_news/123", "https://t.me/some_news/123")


@pytest.mark.parametrize(
    "written",
    [
        "https://t.me/some_news/123",
        "http://t.me/Some_News/123?single",
        " t.me/s/some_news/123 ",
        "https://www.t.me/some_news/123/",
        "https://telegram.me/some_news/123#comments",
    ],
)
def test_one_post_of_telegram_however_it_is_written(written: str) -> None:
    assert links.read(written) == POST


@pytest.mark.parametrize("name", ["shared_news", "login_ua", "proxy1", "calls"])
def test_a_channel_whose_name_begins_like_one_of_telegrams_own_words_is_a_channel(name: str) -> None:
    assert links.read(f"https://t.me/{name}/5").source == f"@{name}/5"


def test_a_page_of_a_site_loses_what_the_site_never_sees() -> None:
    found = links.read("https://Video.Example/watch?v=AbC#t=5")
    assert (found.platform, found.post) == (Platform.VIDEO_SITE, "https://video.example/watch?v=AbC")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "no link"),
        ("https://t.me/some_news", "not one post"),
        ("https://t.me/c/1234567/8", "private"),
        ("https://t.me/+AbCdEf", "private"),
        ("https://t.me/s/c/1234567/8", "private"),
        ("https://t.me/joinchat/12345", "private"),
        ("https://t.me/JoinChat/12345", "private"),
        *((f"https://t.me/{one}/12345", "copy its link") for one in ("addlist", "addstickers", "Login", "proxy")),
        *((f"https://t.me/{one}/12345", "copy its link") for one in ("share", "call", "s/boost", "giftcode", "m")),
        ("https://t.me/share/url?url=https://t.me/some_news/123", "copy its link"),
        ("https://t.me/addlist/AbCdEf", "copy its link"),
        ("https://t.me/proxy?server=a&port=1", "copy its link"),
        ("file:///etc/passwd", "https://"),
        ("gopher://example.org/1", "https://"),
        ("javascript://example.org/%0aalert(1)", "https://"),
        ("https://user:secret@example.org/", "can be read"),
        ("https://example.org/a b", "no link"),
        ("https://example.org/\x00", "no link"),
        ("https://example.org/" + "a" * 2048, "at most 2,048"),
        ("https://[::1", "can be read"),
        ("https://example.org:port/", "can be read"),
        ("http://localhost/", "public"),
        ("http://intranet/", "public"),
        ("http://127.0.0.1:8470/status", "public"),
        ("http://127.1/", "public"),
        ("http://0x7f000001/", "public"),
        ("http://[::1]/", "public"),
        ("http://169.254.169.254/latest/meta-data", "public"),
        ("http://10.0.0.7/", "public"),
    ],
)
def test_what_leads_to_nothing_that_is_read_says_why(written: str, why: str) -> None:
    with pytest.raises(NotRead, match=why):
        links.read(written)


def test_networks_that_the_office_has_named_may_be_visited() -> None:
    assert links.read("http://127.0.0.1:9/watch/a", [ip_network("127.0.0.1/32")]).platform is Platform.VIDEO_SITE


@pytest.mark.parametrize(("written", "seconds"), [("", None), ("2:35", 155), ("1:02:35", 3755), ("155", 155)])
def test_moments(written: str, seconds: int | None) -> None:
    assert links.seconds(written) == seconds


@pytest.mark.parametrize("written", ["about two", "2:", "1:2:3:4", "-5", "²", "١٢"])
def test_what_is_no_moment(written: str) -> None:
    with pytest.raises(WrongUse, match="2:35"):
        links.seconds(written)
