"""A series has one owner."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from malote.accounts import audit
from malote.fiscal.problems import Problem
from malote.tills.series import assign, judge, series_of
from malote.tills.till import Till

pytest_plugins = ("tests.engines.spool_fixtures",)

FIRST = ("12ABC34501DE35", "65", 1)
SECOND = ("12ABC34501DE35", "65", 2)
FACTS = {"issuer": "12ABC34501DE35", "model": "65", "series": "1"}


def test_a_till_learns_its_series(spool_engine: Engine, till_one: Till) -> None:
    assert judge(spool_engine, till_one, [FIRST, SECOND], learn=True) == {FIRST: None, SECOND: None}
    assert judge(spool_engine, till_one, {FIRST}, learn=False) == {FIRST: None}
    assert series_of(spool_engine, till_one) == [FIRST, SECOND]


def test_without_learning_it_must_be_assigned(spool_engine: Engine, till_one: Till) -> None:
    unassigned = Problem("series_unassigned", "reject", {"till": "caixa1", **FACTS})
    assert judge(spool_engine, till_one, [FIRST], learn=False) == {FIRST: unassigned}
    assign(spool_engine, till_one, *FIRST)
    assert judge(spool_engine, till_one, [FIRST], learn=False) == {FIRST: None}


@pytest.mark.parametrize("learn", [True, False])
def test_another_tills_series_is_refused(spool_engine: Engine, till_one: Till, till_two: Till, learn: bool) -> None:
    judge(spool_engine, till_one, [FIRST], learn=True)
    judgement = judge(spool_engine, till_two, [FIRST, SECOND], learn=learn)
    facts = {"till": "caixa2", "owner": "caixa1", **FACTS}
    assert judgement[FIRST] == Problem("series_of_another_till", "reject", facts)
    assert (judgement[SECOND] is None) == learn


def test_a_person_may_give_it_to_another(spool_engine: Engine, till_one: Till, till_two: Till) -> None:
    assign(spool_engine, till_one, *FIRST)
    assign(spool_engine, till_two, *FIRST)
    assert judge(spool_engine, till_two, [FIRST], learn=False) == {FIRST: None}
    assert series_of(spool_engine, till_one) == []


def test_nothing_wanted(spool_engine: Engine, till_one: Till) -> None:
    assert judge(spool_engine, till_one, [], learn=True) == {}


def test_of_two_tills_at_once_one_gets_it(spool_engine: Engine, till_one: Till, till_two: Till) -> None:
    wanted = [("12ABC34501DE35", "65", series) for series in range(20)]
    orders = [(till_one, wanted), (till_two, wanted[::-1])] * 2
    with ThreadPoolExecutor(4) as pool:
        judgements = list(pool.map(lambda order: judge(spool_engine, order[0], order[1], learn=True), orders))
    for key in wanted:
        assert [judgement[key] is None for judgement in judgements] in ([True, False] * 2, [False, True] * 2)


def test_a_till_takes_its_first_series_of_an_issuer_and_model_and_no_more(spool_engine: Engine, till_one: Till) -> None:
    wanted = [("12ABC34501DE35", "65", series) for series in range(30, 40)]
    judgement = judge(spool_engine, till_one, wanted, learn=True, most=1)
    assert judgement[wanted[0]] is None
    assert {one.code for one in judgement.values() if one} == {"series_unassigned"}
    assert series_of(spool_engine, till_one) == wanted[:1]


def test_a_series_of_another_model_or_issuer_is_a_first_one_too(spool_engine: Engine, till_one: Till) -> None:
    others = [FIRST, ("12ABC34501DE35", "55", 1), ("11222333000181", "65", 4)]
    for key in others:
        assert judge(spool_engine, till_one, [key], learn=True, most=1) == {key: None}
    assert judge(spool_engine, till_one, [SECOND], learn=True, most=1)[SECOND] is not None


def test_what_a_person_assigned_stays_and_counts(spool_engine: Engine, till_one: Till) -> None:
    assign(spool_engine, till_one, *FIRST)
    assert judge(spool_engine, till_one, [FIRST, SECOND], learn=True, most=1)[SECOND] is not None
    assign(spool_engine, till_one, *SECOND)
    assert judge(spool_engine, till_one, [FIRST, SECOND], learn=True, most=1) == {FIRST: None, SECOND: None}


def test_of_two_pouches_of_one_till_at_once_one_brings_its_first(spool_engine: Engine, till_one: Till) -> None:
    wanted = [("12ABC34501DE35", "65", series) for series in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: judge(spool_engine, till_one, [key], learn=True, most=1), wanted))
    assert len(series_of(spool_engine, till_one)) == 1


def test_every_change_of_a_series_stands_in_the_audit_trail(spool_engine: Engine, till_one: Till) -> None:
    judge(spool_engine, till_one, [FIRST], learn=True)
    judge(spool_engine, till_one, [FIRST], learn=True)
    assign(spool_engine, till_one, *SECOND)
    assert [(one.action, one.actor, one.object) for one in audit.entries(spool_engine)][:2] == [
        ("series_assigned", "system", "till:caixa1"),
        ("series_learned", "system", "till:caixa1"),
    ]
    assert audit.verify(spool_engine) is None
