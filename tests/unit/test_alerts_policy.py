"""When somebody is told: grace, once a day, steps, quiet hours, over, silence."""

from datetime import UTC, date, datetime

from malote.alerts.policy import AlertCause, AlertNotice, CauseState, Policy, causes, decide
from malote.findings.kinds import finding_of

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()
POLICY = Policy(grace=300.0, least_weight=60, least_cents=0, steps=(0.0, 1800.0))
AWAY = AlertCause("erp_away", 95, (), 3, 3209, None)


class Desk:
    """Rounds of looks, one after the other."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.states: dict[str, CauseState] = {}

    def look(self, minutes: float, *found: AlertCause) -> list[tuple[str, str, int]]:
        now = START + minutes * 60
        here = datetime.fromtimestamp(now, UTC)
        told, changed = decide(self.policy, {one.code: one for one in found}, self.states, now, here, here.date())
        for code, state in changed.items():
            if state is None:
                self.states.pop(code)
            else:
                self.states[code] = state
        return [(one.code, one.kind, one.step) for one in told]


def test_what_passes_within_the_grace_time_is_never_told() -> None:
    desk = Desk()
    assert desk.look(0, AWAY) == []
    assert desk.look(4, AWAY) == []
    assert desk.look(4.5) == []
    assert desk.look(10) == []
    assert desk.states == {}


def test_it_is_told_once_then_to_others_and_at_last_that_it_is_over() -> None:
    desk = Desk()
    assert [desk.look(minutes, AWAY) for minutes in (0, 5, 6, 34, 35, 36)] == [
        [],
        [("erp_away", "begun", 0)],
        [],
        [],
        [("erp_away", "begun", 1)],
        [],
    ]
    assert desk.look(40) == []
    assert desk.look(45) == [("erp_away", "over", 0), ("erp_away", "over", 1)]
    assert desk.look(46) == []


def test_a_short_absence_begins_nothing_anew() -> None:
    desk = Desk()
    desk.look(0, AWAY)
    desk.look(5, AWAY)
    assert [desk.look(6), desk.look(7, AWAY), desk.look(35, AWAY)] == [[], [], [("erp_away", "begun", 1)]]


def test_the_same_cause_is_told_once_a_day_and_again_on_the_next() -> None:
    desk = Desk(Policy(grace=60.0, least_weight=0, least_cents=0, steps=(0.0,)))
    desk.look(0, AWAY)
    assert desk.look(1, AWAY) == [("erp_away", "begun", 0)]
    assert desk.look(2) == []
    assert desk.look(3) == [("erp_away", "over", 0)]
    assert [desk.look(4, AWAY), desk.look(6, AWAY), desk.look(7), desk.look(9)] == [[], [], [], []], (
        "told already today"
    )
    desk.look(60, AWAY)
    assert desk.look(13 * 60, AWAY) == [("erp_away", "begun", 0)], "it lasts on the next day"


def test_a_restart_neither_repeats_nor_forgets() -> None:
    desk = Desk()
    desk.look(0, AWAY)
    desk.look(5, AWAY)
    again = Desk()
    again.states = dict(desk.states)
    assert again.look(6, AWAY) == []
    assert again.look(35, AWAY) == [("erp_away", "begun", 1)]


def test_light_and_small_ones_are_not_told() -> None:
    desk = Desk(Policy(grace=0.0, least_weight=60, least_cents=1000, steps=(0.0,)))
    light, small = AlertCause("till_silent", 25, ("a",), 0, 0, None), AlertCause("items_sum", 70, ("a",), 1, 999, None)
    assert desk.look(0, light, small) == []
    assert desk.look(1, AlertCause("items_sum", 70, ("a",), 2, 1998, None)) == [("items_sum", "begun", 0)]
    assert desk.look(2, small) == []
    assert desk.look(3, small) == [("items_sum", "over", 0)]


def test_quiet_hours_put_off_all_but_the_heaviest() -> None:
    hours = "22:00-06:00"
    policy = Policy(grace=0.0, least_weight=0, least_cents=0, steps=(0.0,), quiet_hours=hours, quiet_weight=80)
    desk, night, morning = Desk(policy), 11 * 60, 18.1 * 60
    items = AlertCause("items_sum", 70, ("a",), 1, 100, None)
    assert desk.look(night, items, AWAY) == [("erp_away", "begun", 0)]
    assert desk.look(morning, items) == [("items_sum", "begun", 0)]


def test_a_silenced_cause_is_told_when_the_silence_ends() -> None:
    desk = Desk(Policy(grace=0.0, least_weight=0, least_cents=0, steps=(0.0,)))
    desk.states = {"erp_away": CauseState("erp_away", START, gone_at=START, silenced_until=START + 3600)}
    assert desk.look(1, AWAY) == []
    assert desk.look(61, AWAY) == [("erp_away", "begun", 0)]


def test_one_cause_of_many_tills_is_one_alert() -> None:
    found = causes(
        [
            finding_of("rejected", "a", "items_sum", count=1, value=100, since=9.0),
            finding_of("rejected", "b", "items_sum", count=2, value=50, since=7.0),
            finding_of("store_wide", "", "erp_away", since=None),
        ]
    )
    assert found["items_sum"] == AlertCause("items_sum", 70, ("a", "b"), 3, 150, 7.0)
    assert found["erp_away"].tills == ()
    notices, _ = decide(
        Policy(grace=0.0, least_weight=0, least_cents=0, steps=(0.0,)),
        found,
        {},
        START,
        datetime.fromtimestamp(START, UTC),
        date(2026, 11, 20),
    )
    assert [one.code for one in notices] == ["items_sum", "erp_away"]
    assert all(isinstance(one, AlertNotice) for one in notices)
