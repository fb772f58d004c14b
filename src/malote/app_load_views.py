"""What the load manager shows, over the server's own parts: tills with their structures and loads, and the pulse that
changes with them."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from malote.app import Services
from malote.console.console_services import LoadViews, ShownTills
from malote.console.load_groups import TillRow, till_row
from malote.database.engine import reading
from malote.loads import load_pulse, load_status
from malote.loads.load_reports import EntityStatus
from malote.loads.price_then import price_then
from malote.orders.rollout_reports import Rollout
from malote.remembered import Remembered

ROWS_SECONDS = 15.0  # between two looks at all tills while nobody says anything new: a load may stand still


@dataclass(frozen=True, slots=True)
class _Look:
    """Without a look at each till. ``pulse``: changes whenever something that the load manager shows has changed."""

    pulse: str
    rollout: Rollout | None = field(compare=False)
    load_rollout: Rollout | None = field(compare=False)


def structures_pulse(services: Services) -> str:
    return _look(services).pulse


def _look(services: Services) -> _Look:
    structures = services.structures
    rollout, load_rollout = structures.rollout(), services.loads.rollouts.find()
    runs = [structures.last_run(scope) for scope in ("store", "erp")]
    seen = (rollout, structures.pulse_of_tills(), runs)
    loads = (load_pulse.pulse(services.engine, time.time()), services.asked_loads.last())
    pulse = hashlib.sha256(repr((seen, loads, load_rollout)).encode()).hexdigest()
    return _Look(pulse, rollout, load_rollout)


def load_views(services: Services) -> LoadViews:
    engine = services.engine

    def entities() -> list[EntityStatus]:
        with reading(engine) as connection:
            return load_status.entities(connection, time.time())

    def tills() -> ShownTills:
        look = _look(services)
        return ShownTills(rows(look), look.rollout, look.load_rollout)

    # Ten thousand tills cost a fifth of a second. Nobody asks again how it was: each answer is megabytes.
    rows: Remembered[_Look, Sequence[TillRow]] = Remembered(partial(_rows, services), ROWS_SECONDS, most=1)
    return LoadViews(
        settings=services.settings.loads,
        entities=entities,
        tills=tills,
        price_then=partial(price_then, engine, services.loads),
    )


def _rows(services: Services, look: _Look) -> Sequence[TillRow]:
    progress = {one.till: one for one in services.structures.rollout_tills(look.rollout.id)} if look.rollout else {}
    loads = {one.till: one for one in services.loads.status().tills}
    return [till_row(one, progress.get(one.till), loads.get(one.till)) for one in services.structures.tills()]
