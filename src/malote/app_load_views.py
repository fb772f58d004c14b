"""What the load manager shows, over the server's own parts: tills with their structures and loads, and the pulse that
changes with them."""

import hashlib
import time
from collections.abc import Sequence
from functools import partial

from malote.app import Services
from malote.console.console_services import LoadViews
from malote.console.load_groups import TillRow, till_row
from malote.database.engine import reading
from malote.loads import load_pulse, load_status
from malote.loads.load_reports import EntityStatus
from malote.loads.price_then import price_then
from malote.remembered import Remembered

ROWS_SECONDS = 15.0  # between two looks at all tills while nobody says anything new: a load may stand still


def structures_pulse(services: Services) -> str:
    """Changes whenever something that the load manager shows has changed. No till is looked at one by one."""
    structures = services.structures
    runs = [structures.last_run(scope) for scope in ("store", "erp")]
    seen = (structures.rollout(), structures.pulse_of_tills(), runs)
    loads = (load_pulse.pulse(services.engine, time.time()), services.asked_loads.last())
    return hashlib.sha256(repr((seen, loads, services.loads.rollouts.find())).encode()).hexdigest()


def load_views(services: Services) -> LoadViews:
    engine = services.engine

    def entities() -> list[EntityStatus]:
        with reading(engine) as connection:
            return load_status.entities(connection, time.time())

    # Ten thousand tills cost a fifth of a second. Nobody asks again how it was: each answer is megabytes.
    rows: Remembered[str, Sequence[TillRow]] = Remembered(lambda _: _rows(services), ROWS_SECONDS, most=1)
    return LoadViews(
        settings=services.settings.loads,
        entities=entities,
        rows=lambda: rows(structures_pulse(services)),
        price_then=partial(price_then, engine, services.loads),
    )


def _rows(services: Services) -> Sequence[TillRow]:
    rollout = services.structures.rollout()
    progress = {one.till: one for one in services.structures.rollout_tills(rollout.id)} if rollout else {}
    loads = {one.till: one for one in services.loads.status().tills}
    return [till_row(one, progress.get(one.till), loads.get(one.till)) for one in services.structures.tills()]
