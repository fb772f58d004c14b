"""Times as documents write them."""

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

_ISO = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_BRAZILIAN = re.compile(
    r"([0-9]{2})/([0-9]{2})/(20[0-9]{2})(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?([+-][0-9]{2}:[0-9]{2})?)?"
)
_COMPACT = re.compile(r"20[0-9]{12}")

# Standard time of the states that don't keep Brasília's; without summer time, which ended in 2019.
_HOURS_OF_STATE = {"11": -4, "12": -5, "13": -4, "14": -4, "50": -4, "51": -4}
_BRASILIA = -3


class Moment(NamedTuple):
    """A time with its zone, and how it had to be read: "" as it should be, "zone" when the zone was assumed from the
    state, "form" when it isn't written as the layout says.
    """

    at: datetime
    assumed: str


def zone_of_state(code: str) -> timezone:
    """The zone of a state by its cUF; Brasília's for an unknown one."""
    return timezone(timedelta(hours=_HOURS_OF_STATE.get(code, _BRASILIA)))


def read_moment(text: str, state: str) -> Moment | None:
    """The time that ``text`` says, at midnight where it has no hour; None when it says none of this century."""
    match = _ISO.fullmatch(text)
    try:
        if match is None:
            return _odd(text.strip(), state)
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if match[1] is None:
        return Moment(at.replace(tzinfo=zone_of_state(state)), "zone")
    return Moment(at, "")


def read_compact(date: str, time: str, state: str) -> datetime | None:
    """The time of a CF-e: ``AAAAMMDD`` and ``HHMMSS``, by the clock of its state."""
    if _COMPACT.fullmatch(date + time) is None:
        return None
    try:
        naive = datetime.fromisoformat(f"{date}T{time}")
    except ValueError:
        return None
    return naive.replace(tzinfo=zone_of_state(state))


def _odd(text: str, state: str) -> Moment | None:
    """Other ways met in the field. Raises ``ValueError`` for a day or hour that doesn't exist."""
    if _ISO.fullmatch(text):
        return read_moment(text, state)
    if _DATE.fullmatch(text):
        return Moment(datetime.fromisoformat(text).replace(tzinfo=zone_of_state(state)), "form")
    match = _BRAZILIAN.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, zone = match.groups(default="")
    at = datetime.fromisoformat(f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}")
    return Moment(at if zone else at.replace(tzinfo=zone_of_state(state)), "form")
