"""Days and moments as people write them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from lastseen import days
from lastseen.clock import utcnow
from lastseen.errors import WrongUse

OTHER_SPELLINGS = ("", "1.3.2026", "2026-3-1", "20260301", "2026-W09-7", "2026-02-30", "²026-03-01", "2026-03-01 ")


def test_a_day_is_written_in_one_way() -> None:
    assert days.day("2026-03-01") == date(2026, 3, 1)
    for written in OTHER_SPELLINGS:
        with pytest.raises(WrongUse, match=f"“{written}” is no day: write it as 2026-03-01"):
            days.day(written)


def test_an_error_repeats_no_whole_file_that_was_pasted() -> None:
    with pytest.raises(WrongUse) as refused:
        days.day("9" * 5000)
    assert len(str(refused.value)) < 100


def test_a_document_bears_no_day_that_has_begun_nowhere() -> None:
    today = utcnow().date()
    assert days.past_day(str(today)) == today
    with pytest.raises(WrongUse, match="2999-05-01 is still to come"):
        days.past_day("2999-05-01")


def test_of_a_day_the_beginning_is_meant_or_the_end_and_a_moment_is_itself() -> None:
    first = datetime(2026, 3, 1, tzinfo=UTC)
    assert days.moment("2026-03-01") == first
    assert days.until("2026-03-01") == first + timedelta(days=1)
    for read in (days.moment, days.until):
        assert read("2026-03-01T14:00") == first + timedelta(hours=14)
        assert read("2026-03-01T14:00Z") == first + timedelta(hours=14)
        assert read("2026-03-01T12:00:00+02:00") == first + timedelta(hours=10)


def test_what_is_neither_a_day_nor_a_moment_is_refused() -> None:
    for written in (*OTHER_SPELLINGS, "2026-03-01T25:00", "yesterday"):
        for read in (days.moment, days.until):
            with pytest.raises(WrongUse, match="no day and no moment"):
                read(written)
    with pytest.raises(WrongUse, match="no day and no moment"):
        days.until("9999-12-31")
