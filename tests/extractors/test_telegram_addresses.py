"""How people write down a channel."""

import pytest

from extractors.telegram.addresses import address
from lastseen.errors import WrongUse


@pytest.mark.parametrize(
    "written",
    ["news", "@News", " @news ", "t.me/news", "https://t.me/s/news/5?single", "http://telegram.me/NEWS", "t.me/news#x"],
)
def test_one_channel_however_it_is_written(written: str) -> None:
    assert address(written) == "@news"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("https://t.me/+AbCdEf", "joins nothing"),
        ("t.me/joinchat/AbCdEf", "joins nothing"),
        ("https://t.me/c/1001/5", "write @name"),
        ("https://example.org/news", "write @name"),
        ("@no", "write @name"),
        ("@" + "a" * 33, "write @name"),
        ("@імʼя", "write @name"),
        ("", "write @name"),
    ],
)
def test_what_is_no_public_channel(written: str, why: str) -> None:
    with pytest.raises(WrongUse, match=why):
        address(written)
