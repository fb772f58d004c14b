"""What the load manager remembers of all tills: nothing is worked out twice, and no till's news is kept back."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy import update

from malote.accounts.audit import command_line
from malote.app import Services
from malote.app_load_views import load_views, structures_pulse
from malote.console.load_groups import TillRow
from malote.database.engine import writing
from malote.database.tables import till as tills
from malote.loads.load_reports import AWAY_SECONDS
from malote.loads.planning import Wanted
from malote.tills.till import disable, enable
from tests.faces.console_load_support import Agents
from tests.faces.console_loads_support import LoadingAgent, store_with_loads
from tests.faces.console_support import till

NAMES = ("loja1-01", "loja1-02", "loja2-01")


class Shown:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.agents = [LoadingAgent(services, till(services, name)) for name in NAMES]
        self.structures = Agents(services, [one.till for one in self.agents[:2]])
        self.tills = load_views(services).tills

    def pulse(self) -> str:
        return structures_pulse(self.services)

    def rows(self) -> Sequence[TillRow]:
        return self.tills().rows

    def of(self, name: str) -> TillRow:
        return next(one for one in self.rows() if one.name == name)

    def was_heard(self, name: str, ago: float) -> None:
        with writing(self.services.engine) as connection:
            connection.execute(update(tills).where(tills.c.name == name).values(last_contact_at=time.time() - ago))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with store_with_loads(tmp_path_factory.mktemp("views")) as (services, _):
        services.loads.staging.run(command_line())
        made = Shown(services)
        for one in made.agents:
            one.contact()
        made.structures.contact()
        services.loads.order(Wanted(), command_line())
        yield made


def _news(shown: Shown, happens: Callable[[], object]) -> bool:
    """Whether open pages are told, and whoever comes next sees other rows."""
    pulse, rows = shown.pulse(), shown.rows()
    assert shown.rows() is rows
    happens()
    return shown.pulse() != pulse and shown.rows() is not rows


def test_each_news_of_a_till_shows_at_once(shown: Shown) -> None:
    one, other, third = shown.agents
    services = shown.services
    assert _news(shown, lambda: one.says("begun", 40, 100))
    assert shown.of("loja1-01").load_state == "loading"
    assert _news(shown, lambda: one.says("begun", 60, 100))
    assert _news(shown, lambda: one.says("done", 100, 100))
    assert shown.of("loja1-01").load_state == "current"
    assert _news(shown, lambda: other.says("failed", code="loads_no_room"))
    assert shown.of("loja1-02").state.startswith("failed:loads_no_room.")

    assert _news(shown, lambda: services.structures.roll_out(None, shown.structures.actor))
    assert _news(shown, shown.structures.contact)
    assert shown.of("loja1-01").structure_state == "offered"
    assert _news(shown, lambda: shown.structures.fail("loja1-01"))
    assert shown.of("loja1-01").structure_state == "failed"

    assert _news(shown, lambda: shown.was_heard(third.till.name, AWAY_SECONDS + 10))
    load = shown.of("loja2-01").load
    assert load is not None
    assert load.is_away(time.time())
    assert _news(shown, third.contact)
    load = shown.of("loja2-01").load
    assert load is not None
    assert not load.is_away(time.time())


def test_one_till_for_another_is_news_though_they_are_as_many(shown: Shown) -> None:
    fourth = till(shown.services, "loja2-02")
    disable(shown.services.engine, fourth.name)
    assert "loja2-02" not in [one.name for one in shown.rows()]

    def exchanged() -> None:
        disable(shown.services.engine, "loja2-01")
        enable(shown.services.engine, "loja2-02")

    assert _news(shown, exchanged)
    assert [one.name for one in shown.rows()] == ["loja1-01", "loja1-02", "loja2-02"]


def test_a_till_that_says_the_same_once_more_is_no_news(shown: Shown) -> None:
    assert not _news(shown, shown.agents[0].contact)
