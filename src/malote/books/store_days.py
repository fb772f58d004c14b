"""Business days of a store that names no clock: which day it is now is said by the clock that most tills print."""

from msgspec import structs
from sqlalchemy import Engine

from malote.business_day import BusinessCalendar
from malote.tills.clocks import store_clock


def by_store_clock(engine: Engine, calendar: BusinessCalendar) -> BusinessCalendar:
    """Raises ``StoreError``."""
    return calendar if calendar.zone or calendar.here else structs.replace(calendar, here=store_clock(engine, None))
