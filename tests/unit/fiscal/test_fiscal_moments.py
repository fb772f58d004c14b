from datetime import datetime, timedelta, timezone

import pytest

from malote.fiscal.moments import read_compact, read_moment

BRASILIA = timezone(timedelta(hours=-3))


@pytest.mark.parametrize(
    ("text", "assumed"),
    [
        ("2026-11-20T10:30:15-03:00", ""),
        ("2026-11-20T10:30:15.123456-03:00", ""),
        ("2026-11-20T13:30:15Z", ""),
        ("2026-11-20T10:30:15", "zone"),
        (" 2026-11-20T10:30:15 ", "zone"),
        ("20/11/2026 10:30:15", "form"),
        ("20/11/2026T10:30:15-03:00", "form"),
    ],
)
def test_ways_to_write_one_moment(text: str, assumed: str) -> None:
    moment = read_moment(text, "35")
    assert moment is not None
    assert moment.at.replace(microsecond=0) == datetime(2026, 11, 20, 10, 30, 15, tzinfo=BRASILIA)
    assert moment.assumed == assumed


@pytest.mark.parametrize("text", ["2026-11-20", "20/11/2026"])
def test_a_day_without_hour_is_its_midnight(text: str) -> None:
    moment = read_moment(text, "35")
    assert moment is not None
    assert moment.at == datetime(2026, 11, 20, tzinfo=BRASILIA)


@pytest.mark.parametrize(("state", "hours"), [("13", -4), ("12", -5), ("51", -4), ("35", -3), ("", -3), ("xx", -3)])
def test_without_a_zone_the_state_s_is_assumed(state: str, hours: int) -> None:
    moment = read_moment("2026-11-20T10:30:15", state)
    assert moment is not None
    assert moment.at.utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01T10:00:00-03:00", "2026-02-30T10:00:00-03:00", "30/02/2026", "1026-11-20T10:30:15Z",
     "9999-11-20T10:30:15Z", "2026-W47-5", "20261120T103015", "2026-11-20T10:30:15-99:00", "2026-11-20T25:00:00Z",
     "٢٠٢٦-11-20T10:30:15Z"],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    assert read_moment(text, "35") is None


def test_a_sat_s_own_way() -> None:
    assert read_compact("20261120", "103015", "35") == datetime(2026, 11, 20, 10, 30, 15, tzinfo=BRASILIA)


@pytest.mark.parametrize(("date", "time"), [("", ""), ("20261120", ""), ("20261320", "103015"), ("20261120", "256015")])
def test_what_is_no_sat_s_moment(date: str, time: str) -> None:
    assert read_compact(date, time, "35") is None
