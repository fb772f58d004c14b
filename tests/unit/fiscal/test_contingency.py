"""By when an offline note must be authorised."""

from datetime import datetime, timedelta, timezone

import pytest

from malote.fiscal.contingency import deadline, is_rule

BRASILIA = timezone(timedelta(hours=-3))


def at(day: str, hour: int = 10) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02d}:00:00").replace(tzinfo=BRASILIA)


@pytest.mark.parametrize(
    ("state", "due"),
    [("35", at("2026-11-19")), ("26", at("2026-11-19")), ("28", at("2026-11-25")), ("31", at("2026-11-20", 0))],
    ids=["SP", "PE", "SE", "MG"],
)
def test_each_state_has_its_rule(state: str, due: datetime) -> None:
    assert deadline(state + "2611", at("2026-11-18")) == due


@pytest.mark.parametrize(
    ("issued", "end"),
    [
        ("2026-11-18", "2026-11-20"),  # Wednesday: all of Thursday
        ("2026-11-19", "2026-11-24"),  # Friday is a holiday, then the weekend: all of Monday
        ("2026-11-21", "2026-11-24"),  # a Saturday
        ("2026-12-31", "2027-01-05"),  # New Year, then the weekend
        ("2026-04-02", "2026-04-07"),  # Good Friday, Easter
    ],
)
def test_the_first_working_day_counts_to_its_end(issued: str, end: str) -> None:
    assert deadline("35", at(issued, 22), "working_day") == at(end, 0)


def test_the_zone_of_the_note_decides_which_day_it_was() -> None:
    late = datetime(2026, 11, 18, 2, 0, tzinfo=timezone.utc)  # noqa: UP017 - 23 h of the day before in Brasilia
    assert deadline("35", late.astimezone(BRASILIA), "working_day") == at("2026-11-19", 0)


@pytest.mark.parametrize("rule", ["", "24h", "168h", "working_day"])
def test_rules(rule: str) -> None:
    assert is_rule(rule)


@pytest.mark.parametrize("rule", ["24", "0h", "-3h", "soon", "99999999h", "nanh", "infh"])
def test_what_is_no_rule(rule: str) -> None:
    assert not is_rule(rule)
