"""Two steps back at a till without a contact between them: the server knows by what each line was sold."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from malote import wire
from malote.database.engine import reading
from malote.loads import tills_held
from malote.tills.till import Till
from tests.engines.loads_chain import Chain
from tests.engines.loads_support import SETTINGS, store_beside_erp


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Its till has version 2."""
    with store_beside_erp(tmp_path, 3) as (engine, erp):
        made = Chain(engine, erp).begin(SETTINGS, 1)
        made.next_version("11")
        made.says(made.tills[0])
        made.obeys(made.tills[0])
        yield made


def contact(chain: Chain, till: Till) -> wire.Contact:
    return wire.Contact("1", datetime.fromtimestamp(chain.clock(), UTC), 0, 0, orders=[], loads=chain.held[till.id])


@pytest.mark.parametrize("heard_of_the_first", [False, True])
def test_of_two_steps_back_without_contact_both_are_known_with_their_times(
    chain: Chain, heard_of_the_first: bool
) -> None:
    till, entities = chain.tills[0], {}
    for price in ("12", "13"):
        entities[chain.kind.target().version] = chain.held[till.id].entities  # type: ignore[union-attr]
        chain.next_version(price)
        chain.says(till)
        chain.obeys(till)
    began = int(chain.clock())
    first = wire.LoadsHeld(3, began + 1000, entities[3], 4) if 3 in entities else None
    assert first
    if heard_of_the_first:
        chain.clock.now = began + 1500
        chain.held[till.id] = first
        chain.kind.note(till, contact(chain, till))
    chain.clock.now = began + 3000
    chain.held[till.id] = wire.LoadsHeld(2, began + 2000, entities[2], 4, 0, [(3, 4, began + 1000)])
    for _ in range(2):
        chain.server()  # it is said once more
        chain.kind.note(till, contact(chain, till))
    with reading(chain.engine) as connection:
        had = [one.version for one in tills_held.between(connection, till.id, began, began + 3000)]
        then = [tills_held.at(connection, till.id, began + second) for second in (500, 1500, 2500)]
    assert had == [2, 3, 4]
    assert [(one.version, one.rolled_back_from) for one in then if one] == [(4, 0), (3, 4), (2, 4)]
