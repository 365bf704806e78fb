"""Downloads over real connections that break off, go astray, are slow, or bring something else."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from extractors import downloads
from extractors.downloads import NotFetched, Patience
from tests.servers.video_site import Answer, Page, VideoSite, redirect

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SOON = Patience(tries=2, rest=0.001, silence=0.3, connect=2)
OTHER = bytes(reversed(CONTENT))


@pytest.fixture
def page(site: VideoSite) -> Page:
    """The file, published."""
    return site.add(Page("model", CONTENT, suffix="onnx"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where it goes."""
    return tmp_path / "models" / "model.onnx"


def part_of(target: Path) -> Path:
    """What has arrived."""
    return target.with_name(f"{target.name}.part")


def fetch(url: str, target: Path, told: "list[int] | None" = None) -> Path:
    """The file, with little patience."""
    noted = told if told is not None else []
    return downloads.fetch(url, target, len(CONTENT), SHA256, noted.append, SOON)


def test_a_file_arrives_whole_and_is_put_in_place_in_one_step(site: VideoSite, page: Page, target: Path) -> None:
    told: list[int] = []
    part = fetch(site.url(page.media_path), target, told)
    assert part == part_of(target)
    assert not target.exists(), "that is for `install`"
    downloads.install(part, target)
    assert target.read_bytes() == CONTENT
    assert told[0] == 0
    assert told[-1] == len(CONTENT)
    assert told == sorted(told)
    assert list(target.parent.iterdir()) == [target]


def test_a_connection_that_breaks_off_is_gone_on_with(site: VideoSite, page: Page, target: Path) -> None:
    site.cut(page.media_path, after=70_000, times=3)
    assert fetch(site.url(page.media_path), target).read_bytes() == CONTENT
    ranges = [asked.headers.get("Range") for asked in site.asked]
    assert ranges == [None, "bytes=70000-", "bytes=140000-", "bytes=210000-"]
    assert site.sent_bytes == len(CONTENT)


def test_what_an_earlier_call_left_is_gone_on_with(site: VideoSite, page: Page, target: Path) -> None:
    site.cut(page.media_path, after=0, times=3)
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:123_456])
    with pytest.raises(NotFetched, match=r"it ended|connection failed.*what arrived is kept: try again later"):
        fetch(site.url(page.media_path), target)
    assert part_of(target).read_bytes() == CONTENT[:123_456]
    assert fetch(site.url(page.media_path), target).read_bytes() == CONTENT
    assert site.sent_bytes == len(CONTENT) - 123_456


def test_a_whole_part_is_not_asked_for_again(site: VideoSite, page: Page, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT)
    fetch(site.url(page.media_path), target)
    assert site.asked == []


def test_a_part_of_something_else_is_thrown_away(site: VideoSite, page: Page, target: Path) -> None:
    target.parent.mkdir()
    for left in (OTHER[:1000], OTHER, CONTENT + b"more"):
        part_of(target).write_bytes(left)
        assert fetch(site.url(page.media_path), target).read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_gives_it_from_the_start(site: VideoSite, page: Page, target: Path) -> None:
    whole = Answer(200, CONTENT, {"Accept-Ranges": "none"})
    url = site.answer(page.media_path, Answer(200, CONTENT, times=1, break_after=5000), whole)
    assert fetch(url, target).read_bytes() == CONTENT
    assert [asked.headers.get("Range") for asked in site.asked] == [None, "bytes=5000-"]


@pytest.mark.parametrize(
    "astray",
    [
        Answer(206, CONTENT[:100], {"Content-Range": f"bytes 0-99/{len(CONTENT)}"}, times=1),
        Answer(206, OTHER[5000:], {"Content-Range": "bytes 5000-299999/300001"}, times=1),
        Answer(206, OTHER[5000:], {"Content-Range": f"bytes 5000-299999/{len(CONTENT)}"}, times=1),
        Answer(206, CONTENT[5000:], times=1),
        Answer(416, b"", {"Content-Range": "bytes */4000"}, times=1),
    ],
)
def test_a_server_that_goes_on_with_something_else_is_asked_from_the_start(
    site: VideoSite, page: Page, target: Path, astray: Answer
) -> None:
    url = site.answer(page.media_path, Answer(200, CONTENT, times=1, break_after=5000), astray)
    assert fetch(url, target).read_bytes() == CONTENT
    assert site.asked[-1].headers.get("Range") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OTHER, "its sha256 is .*, not"),
        (CONTENT[:-1], "it has 299999 bytes, not 300000"),
        (CONTENT + b"x", "it has 300001 bytes, not 300000"),
    ],
)
def test_something_else_never_takes_the_place_of_a_good_file(
    site: VideoSite, target: Path, content: bytes, said: str
) -> None:
    target.parent.mkdir()
    target.write_bytes(b"good")
    url = site.answer("/model.onnx", Answer(200, content))
    with pytest.raises(NotFetched, match=f"what {url} gives is not the described file: {said}"):
        fetch(url, target)
    assert target.read_bytes() == b"good"
    assert list(target.parent.iterdir()) == [target], "nothing wrong is left"


def test_more_than_was_announced_is_not_taken(site: VideoSite, target: Path) -> None:
    endless = {"Content-Length": "", "Connection": "close"}
    url = site.answer("/model.onnx", Answer(200, CONTENT * 50, endless, break_after=len(CONTENT) * 50))
    with pytest.raises(NotFetched, match="it is larger than 300000 bytes"):
        fetch(url, target)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, r"is not there \(status 404\): get the file elsewhere and give it with --from FILE"),
        (410, "is not there"),
        (403, r"is refused \(status 403\)"),
        (304, r"is refused \(status 304\)"),
    ],
)
def test_what_is_not_to_be_had_is_asked_for_once(site: VideoSite, target: Path, status: int, said: str) -> None:
    url = site.answer("/model.onnx", Answer(status))
    with pytest.raises(NotFetched, match=said):
        fetch(url, target)
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_not_able_to_now_is_asked_again(
    site: VideoSite, page: Page, target: Path, status: int
) -> None:
    url = site.answer(page.media_path, Answer(status, times=1))
    assert fetch(url, target).read_bytes() == CONTENT
    url = site.answer(page.media_path, Answer(status))
    part_of(target).unlink()
    with pytest.raises(NotFetched, match=rf"not able to now \(status {status}\).*try again later"):
        fetch(url, target)


def test_a_server_that_says_nothing_is_left(site: VideoSite, page: Page, target: Path) -> None:
    url = site.answer(page.media_path, Answer(200, CONTENT, delay=5.0, times=1))
    assert fetch(url, target).read_bytes() == CONTENT, "the second attempt was answered"
    url = site.answer(page.media_path, Answer(200, CONTENT, delay=5.0))
    part_of(target).unlink()
    with pytest.raises(NotFetched, match=r"the connection failed \(ReadTimeout"):
        fetch(url, target)


def test_a_server_that_is_not_there(target: Path) -> None:
    with pytest.raises(NotFetched, match=r"the connection failed \(ConnectError.*--from FILE"):
        fetch("http://127.0.0.1:1/model.onnx", target)
    assert list(target.parent.iterdir()) == []


def test_redirects_are_followed(site: VideoSite, page: Page, target: Path) -> None:
    site.cut(page.media_path, after=70_000, times=1)
    site.answer("/moved", redirect(page.media_path))
    assert fetch(site.url("/moved"), target).read_bytes() == CONTENT
    assert [asked.headers.get("Range") for asked in site.asked if asked.path == page.media_path][-1] == "bytes=70000-"


@pytest.mark.parametrize("where", ["http://example.org/model.onnx", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_a_redirect_to_what_is_not_encrypted_is_not_followed(site: VideoSite, target: Path, where: str) -> None:
    url = site.answer("/model.onnx", redirect(where))
    with pytest.raises(NotFetched, match="is not encrypted, or no address: it is not asked"):
        fetch(url, target)


def test_redirects_in_a_circle_end(site: VideoSite, target: Path) -> None:
    url = site.answer("/round", redirect("/round"))
    with pytest.raises(NotFetched, match="more than 5 redirects"):
        fetch(url, target)


def test_two_processes_do_not_write_one_part(site: VideoSite, page: Page, target: Path) -> None:
    target.parent.mkdir()
    program = (
        f"import fcntl, sys; part = open({str(part_of(target))!r}, 'ab'); fcntl.flock(part, fcntl.LOCK_EX);"
        " print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(NotFetched, match=r"model\.onnx is being fetched by another process: wait for it"):
            fetch(site.url(page.media_path), target)
        other.communicate("")
    assert fetch(site.url(page.media_path), target).read_bytes() == CONTENT


def test_a_full_disk_is_told_of(site: VideoSite, page: Page, target: Path) -> None:
    """A limit on the size of files stands in for the disk: the same call fails in the same way."""
    program = (
        "import resource, signal, sys; from pathlib import Path; from extractors import downloads;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n"
        "try: downloads.fetch(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], lambda there: None)\n"
        "except downloads.NotFetched as fault: print(fault)"
    )
    command = [sys.executable, "-c", program, site.url(page.media_path), str(target), str(len(CONTENT)), SHA256]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"no room for model.onnx in {target.parent}: it needs 300000 bytes; what arrived is kept")
    assert part_of(target).stat().st_size == 100_000
    assert fetch(site.url(page.media_path), target).read_bytes() == CONTENT


# --- from a file of this machine ---------------------------------------------------------------------------


def test_a_file_of_this_machine_is_copied_and_checked(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "given.onnx"
    source.write_bytes(CONTENT)
    downloads.install(downloads.take(source, target, len(CONTENT), SHA256), target)
    assert target.read_bytes() == source.read_bytes() == CONTENT


def test_another_file_of_this_machine_is_refused(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "given.onnx"
    source.write_bytes(OTHER)
    with pytest.raises(NotFetched, match=r"given\.onnx is not the described file: its sha256"):
        downloads.take(source, target, len(CONTENT), SHA256)
    with pytest.raises(NotFetched, match="is not there, or no file"):
        downloads.take(tmp_path, target, len(CONTENT), SHA256)
    assert list(target.parent.iterdir()) == []
