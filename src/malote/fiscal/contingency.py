"""By when a note issued offline must be authorised: 24 hours, or the first working day, by state.

Sources: Ajuste SINIEF 19/2016, clause 11 (first working day after the issue; states may ask for less); PE and most
others: 24 hours; MG: first working day (its questions and answers, III.3); SE: 24 hours, accepted late up to 168 hours
(Decreto 29.108). A store sets its own where its state or its accountant says otherwise.

Working days: Saturdays, Sundays and the national holidays fixed by law, with Good Friday, are none. Holidays of states
and towns, and optional ones such as Carnival and Corpus Christi, are not known here: on those the deadline comes early.
"""

from datetime import date, datetime, time, timedelta

WORKING_DAY = "working_day"
_STATES = {"28": "168h", "31": WORKING_DAY}  # by the state's code, the first two digits of a key
_OTHERS = "24h"
_FIXED = {(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)}
_MOST_HOURS = 24 * 366


def deadline(access_key: str, issued_at: datetime, rule: str = "") -> datetime:
    """When the authorisation of an offline note is due. ``rule``: ``24h``, ``working_day``; "" for that of its state.

    ``issued_at`` carries its zone, in which the working day is counted. Raises ``ValueError`` for another rule.
    """
    chosen = rule or _STATES.get(access_key[:2], _OTHERS)
    if chosen == WORKING_DAY:
        day = _next_working_day(issued_at.date())
        return datetime.combine(day + timedelta(days=1), time.min, issued_at.tzinfo)
    return issued_at + timedelta(hours=hours_of(chosen))


def hours_of(rule: str) -> float:
    """The hours of a rule such as ``24h``. Raises ``ValueError``."""
    number = float(rule.removesuffix("h")) if rule.endswith("h") else -1.0
    if not 0 < number <= _MOST_HOURS:
        raise ValueError(rule)
    return number


def is_rule(rule: str) -> bool:
    """Whether ``deadline`` takes it."""
    try:
        return rule in ("", WORKING_DAY) or hours_of(rule) > 0
    except ValueError:
        return False


def _next_working_day(day: date) -> date:
    following = day + timedelta(days=1)
    while not _is_working_day(following):
        following += timedelta(days=1)
    return following


def _is_working_day(day: date) -> bool:
    return day.weekday() < 5 and (day.month, day.day) not in _FIXED and day != _easter(day.year) - timedelta(days=2)


def _easter(year: int) -> date:
    """Easter Sunday by Gauss's rule, as Meeus, Jones and Butcher complete it."""
    century, rest = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = moon + week - 7 * ((year % 19 + 11 * moon + 22 * week) // 451) + 114
    return date(year, shift // 31, shift % 31 + 1)
