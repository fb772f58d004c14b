"""A version of the loads goes to one till first, then to a few, then to the rest: stopped by failures, or approved."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from malote.database.account_tables import audit_entry
from malote.database.engine import reading
from malote.load_format.wire import LoadOrder
from malote.loads.files_made import PublishedFile
from malote.loads.planning import Wanted
from malote.loads.versions import LoadError
from malote.tills.till import create_till
from tests.engines.loads_chain import MANY, WAVES, Chain
from tests.engines.loads_support import ANA, SETTINGS, store_beside_erp


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with store_beside_erp(tmp_path, 3) as (engine, erp):
        yield Chain(engine, erp).begin(WAVES)


def test_a_new_version_goes_wave_by_wave(chain: Chain) -> None:
    assert chain.state()[0] == "done", "of the first version all got by themselves"
    chain.next_version("11")
    assert chain.told() == [0] == chain.told()
    chain.obeys(chain.tills[0])
    assert (chain.told(), chain.state()) == ([1, 2], ("running", 2))
    chain.server()
    chain.obeys(chain.tills[1])
    assert chain.told() == [2], "too few of the wave"
    chain.obeys(chain.tills[2])
    assert (chain.told(), chain.state()) == (list(range(3, MANY)), ("running", 3))
    for till in chain.tills[3:]:
        chain.obeys(till)
    assert (chain.told(), chain.state()) == ([], ("done", 3))
    late = create_till(chain.engine, "caixa99")[0]
    assert chain.says(late), "a first load waits for nothing"
    chain.obeys(late)
    assert chain.state() == ("done", 3)
    assert len(chain.kind.waves._through[1]) >= MANY - 1
    chain.next_version("12")
    assert chain.told() == [0]
    assert not chain.kind.waves._through[1], "what is over of an earlier roll-out takes no memory any more"
    waiting = chain.rollouts.waiting()
    assert [waiting[till.name] for till in chain.tills[1:]] == [2, 2, 2, *[3] * (MANY - 4)]
    assert chain.tills[0].name not in waiting, "its wave is open"


def test_failures_stop_it_and_the_next_version_begins_with_one_till(chain: Chain) -> None:
    chain.next_version("11")
    chain.told()
    chain.obeys(chain.tills[0])
    chain.told()
    chain.obeys(chain.tills[1], fails=True)
    assert (chain.told(), chain.state()) == ([], ("stopped", 2)), (
        "one of two is more than 25 %; the other isn't told any more"
    )
    found = chain.rollouts.find()
    assert found
    assert (found.code, found.stopped_by, found.counts["done"]) == ("loads_no_room", "caixa02", 1)
    resumed = chain.rollouts.resume(found.id, ANA)
    assert (resumed.state, chain.told()) == ("running", [1, 2])
    chain.obeys(chain.tills[1], fails=True)
    chain.next_version("12")
    assert (chain.told(), chain.state()) == ([0], ("running", 1))
    chain.rollouts.cancel(chain.rollouts.find().id, ANA, "wrong price")  # type: ignore[union-attr]
    assert (chain.told(), chain.state()) == ([], ("cancelled", 1)), "nobody gets it but by a newer version"
    chain.next_version("13", emergency=True)
    assert chain.told() == list(range(MANY)), "an emergency waits for no wave"
    for till in chain.tills:
        chain.obeys(till)
    chain.next_version("14")
    assert (chain.told(), chain.state()) == ([0], ("running", 1)), "what comes after it is no emergency"


def test_a_person_lets_waves_through_and_absent_tills_come_later(chain: Chain) -> None:
    chain.server(msgspec.structs.replace(WAVES, approval="each", offline_minutes=1.0))
    away = chain.tills.pop(2)
    chain.clock.now += 120
    chain.told()
    chain.next_version("11")
    chain.told()
    chain.obeys(chain.tills[0])
    first = chain.rollouts.find()
    assert first
    assert chain.told() == []
    assert chain.rollouts.waits_for_approval()
    assert chain.rollouts.approve(first.id, ANA).wave == 2
    with pytest.raises(LoadError, match="rollout_unready"):
        chain.rollouts.approve(first.id, ANA)
    assert chain.told() == [1, 2]
    for till in chain.tills[1:3]:
        chain.obeys(till)
    assert chain.rollouts.approve(first.id, ANA).wave == 3
    for place in chain.told():
        chain.obeys(chain.tills[place])
    assert chain.state() == ("running", 3), "one hasn't been heard of"
    assert chain.says(away)
    chain.obeys(away)
    assert chain.state() == ("done", 3)
    assert [one for one in _trail(chain) if one.startswith("load_rollout")][-3:] == [
        "load_rollout_started", "load_rollout_approved", "load_rollout_approved",
    ]  # fmt: skip


def test_a_whole_load_in_waves_by_a_persons_order(chain: Chain) -> None:
    chain.server(msgspec.structs.replace(SETTINGS, automatic=False))
    with pytest.raises(LoadError, match="load_entity_unknown"):
        chain.rollouts.start(Wanted(entities=["nothing"]), ANA)
    assert chain.rollouts.start(Wanted(), ANA, dry_run=True).waves == 3
    started = chain.rollouts.start(Wanted([one.name for one in chain.tills[4:6]], ["price"], anew=True), ANA)
    assert (started.everyone, started.counts) == (False, {"pending": 2})
    assert chain.told() == [4]
    order = chain.says(chain.tills[4])
    assert order
    assert order.payload
    assert msgspec.json.decode(order.payload, type=LoadOrder).anew
    chain.obeys(chain.tills[4])
    assert chain.told() == [5]
    chain.obeys(chain.tills[5])
    assert chain.state() == ("done", 2)


@pytest.mark.parametrize("rotten", ["one", "removed", "whole"])
def test_one_that_stopped_for_a_file_that_is_made_anew_goes_on(chain: Chain, tmp_path: Path, rotten: str) -> None:
    """``removed``: by a server that was killed before it could go on; ``whole``: the file was damaged on its way."""
    chain.next_version("11")
    chain.told()
    chain.obeys(chain.tills[0])
    chain.told()
    path = tmp_path / "file"
    sha256 = hashlib.sha256(b"as made").hexdigest()
    if rotten != "removed":
        path.write_bytes(b"as made" if rotten == "whole" else b"rotten")
        chain.files[sha256] = PublishedFile(path, 7, False)
    chain.clock.now += 1
    chain.obeys(chain.tills[1], damaged=sha256)
    if rotten == "whole":
        assert (chain.told(), chain.state()) == ([], ("stopped", 2))
        return
    assert (chain.state(), path.exists()) == (("running", 2), False)
    chain.obeys(chain.tills[2], damaged=sha256)  # which had fetched it as well
    assert (chain.told(), chain.state()) == ([1, 2], ("running", 2))
    assert _trail(chain)[-2:] == ["load_rollout_resumed"] * 2
    for till in chain.tills[1:3]:
        chain.obeys(till)
    assert chain.told() == list(range(3, MANY))


def test_one_that_a_person_stopped_or_that_failed_otherwise_does_not_go_on(chain: Chain) -> None:
    chain.next_version("11")
    chain.told()
    chain.obeys(chain.tills[0])
    chain.told()
    chain.obeys(chain.tills[1], fails=True)
    chain.obeys(chain.tills[2], damaged="0" * 64)
    assert (chain.told(), chain.state()) == ([], ("stopped", 2)), "there was no room at one of them"
    found = chain.rollouts.find()
    assert found
    chain.rollouts.resume(found.id, ANA)
    chain.told()
    chain.rollouts.cancel(found.id, ANA, "wrong price")
    chain.obeys(chain.tills[1], damaged="0" * 64)
    assert (chain.told(), chain.state()) == ([], ("cancelled", 2))


def _trail(chain: Chain) -> list[str]:
    with reading(chain.engine) as connection:
        return list(connection.scalars(select(audit_entry.c.action).order_by(audit_entry.c.id)))


def test_what_a_look_brought_unmarked_becomes_an_emergency_when_a_person_says_so(chain: Chain) -> None:
    chain.next_version("11")
    assert chain.told() == [0]
    chain.stage(emergency=True, dry_run=True)
    assert chain.told() == [0]
    assert not chain.stage(emergency=True).made, "the look of a moment ago has it"
    assert chain.told() == list(range(MANY))


def test_a_load_for_chosen_tills_lets_nobody_else_past_the_waves(chain: Chain) -> None:
    chain.server(msgspec.structs.replace(WAVES, approval="canary"))
    chain.next_version("11")
    chain.obeys(chain.tills[chain.told()[0]])
    assert chain.rollouts.waits_for_approval()
    chain.rollouts.start(Wanted([chain.tills[6].name]), ANA)
    assert chain.told() == [6], "nobody approved it for the others"
    chain.obeys(chain.tills[6])
    assert chain.told() == [] == chain.told()
    assert chain.rollouts.waits_for_approval(), "the others' turn comes as ever"
    found = chain.rollouts.find()
    assert found
    assert (found.everyone, found.counts) == (True, {"done": 2, "pending": MANY - 2})


def test_a_stopped_load_of_a_persons_holds_no_later_one_where_there_are_no_waves(chain: Chain) -> None:
    chain.server(SETTINGS)
    chain.rollouts.start(Wanted(anew=True), ANA)
    assert chain.told() == [0]
    chain.next_version("11", emergency=True)
    assert chain.told() == list(range(MANY)), "an emergency waits for no wave of a person's either"
    for till in chain.tills[1:]:
        chain.obeys(till)
    chain.obeys(chain.tills[0], fails=True)
    assert chain.state()[0] == "stopped"
    chain.next_version("12")
    assert chain.told() == list(range(MANY))


def test_whoever_failed_among_few_tries_again_once_it_is_over(chain: Chain) -> None:
    chain.next_version("11")
    for wave in range(3):
        *others, last = chain.told()
        for place in others:
            chain.obeys(chain.tills[place])
        chain.obeys(chain.tills[last], fails=wave == 2)
    assert (chain.state(), chain.told()) == (("done", 3), [])
    chain.clock.now += SETTINGS.retry_minutes * 60
    assert chain.told() == [MANY - 1]


def test_another_till_goes_first_where_the_first_one_went_off(chain: Chain) -> None:
    chain.next_version("11")
    assert chain.told() == [0]
    first = chain.tills.pop(0)
    chain.clock.now += WAVES.offline_minutes * 60 + 1
    chain.told()
    assert (chain.told(), chain.state()) == ([0], ("running", 1)), "one alone, as ever"
    chain.obeys(chain.tills[0])
    assert chain.state() == ("running", 2)
    assert chain.says(first), "it gets it once it is back"
