"""`python -m review` as a person starts it: in a process of its own, ended by a signal."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx

from lastseen.settings import Settings
from review.roles import Role
from storage import accounts
from storage.stores import Stores

DEADLINE = 60
LINK = re.compile(r"(http://127\.0\.0\.1:\d+)(/enter/\S+)")
CARRIED = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def environment(settings: Settings) -> dict[str, str]:
    """What makes another process use this test's own stores."""
    secrets = (settings.database_url, settings.s3_access_key, settings.s3_secret_key)
    url, access, secret = (value.get_secret_value() if value else "" for value in secrets)
    return {
        **os.environ,
        "LASTSEEN_DATABASE_URL": url,
        "LASTSEEN_S3_ENDPOINT": settings.s3_endpoint or "",
        "LASTSEEN_S3_ACCESS_KEY": access,
        "LASTSEEN_S3_SECRET_KEY": secret,
        "LASTSEEN_S3_SECURE": "false",
        "LASTSEEN_BUCKET_PREFIX": settings.bucket_prefix,
        "LASTSEEN_DATA_DIR": str(settings.data_dir),
    }


@contextmanager
def started(settings: Settings, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, ended by SIGTERM when the block ends (or by SIGKILL, if it does not listen)."""
    command = [sys.executable, "-m", "review", "--port", "0", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE)
            finally:
                process.kill()


def told(process: subprocess.Popen[str], lines: int) -> list[str]:
    """The first lines of standard error."""
    assert process.stderr
    found = b""
    end = monotonic() + DEADLINE
    while found.count(b"\n") < lines and select.select([process.stderr], [], [], max(0, end - monotonic()))[0]:
        piece = os.read(process.stderr.fileno(), 4096)
        if not piece:
            break
        found += piece
    return found.decode().splitlines()


def test_it_serves_lets_in_by_link_and_ends_with_a_signal(stores: Stores, settings: Settings, tmp_path: Path) -> None:
    with started(settings, tmp_path, "--link", "admin") as process:
        address, invitation = told(process, 2)
        link = LINK.search(invitation)
        assert link
        assert address == f"lastseen review: {link[1]}/"
        with httpx.Client(base_url=link[1], trust_env=False, follow_redirects=True) as browser:
            carried = dict(CARRIED.findall(browser.get(link[2]).text))
            assert "No candidates wait" in browser.post(link[2], data=carried).text
            assert "used already" in browser.get(link[2]).text
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        assert process.stdout
        assert process.stderr
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
    with stores.db.begin() as db:
        first = accounts.find_user(db, "admin")
    assert first is not None
    assert not first.has_password
    assert set(first.roles) == {Role.ADMINISTRATOR, Role.SENIOR}


def test_a_link_that_nobody_asked_for_goes_to_no_file(stores: Stores, settings: Settings, tmp_path: Path) -> None:
    with started(settings, tmp_path) as process:
        lines = told(process, 2)
    assert "lastseen user link admin" in lines[1]
    assert not LINK.search("\n".join(lines))


def test_a_link_for_nobody_is_wrong_use(stores: Stores, settings: Settings, tmp_path: Path) -> None:
    with started(settings, tmp_path, "--link", "nobody") as process:
        assert process.wait(DEADLINE) == 2
        assert "there is no account 'nobody'" in told(process, 2)


def test_links_for_several_people_work_as_long_as_is_said(stores: Stores, settings: Settings, tmp_path: Path) -> None:
    with stores.db.begin() as db:
        for name in ("ada", "ben"):
            accounts.add_user(db, name, None, [Role.ANALYST])
    with started(settings, tmp_path, "--link", "ada", "--link", "ben", "--link-minutes", "720") as process:
        lines = told(process, 3)
    assert ["as ada, once, within 12 hours" in lines[1], "as ben, once, within 12 hours" in lines[2]] == [True, True]
    assert len({found[2] for found in map(LINK.search, lines) if found}) == 2
