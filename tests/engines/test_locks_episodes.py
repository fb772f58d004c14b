"""Lock episodes: samples joined, ranked by what they cost, and the rule's way from rehearsal to being let loose."""

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.config import LocksSettings
from malote.erp.sessions.errors import SessionsError
from malote.locks import automatic_rule, episodes
from malote.locks.episode_ranking import ranked
from malote.locks.episodes import Episode
from malote.locks.lock_reports import Blocker, Head, Root, Stoppage

pytest_plugins = ["tests.engines.spool_fixtures"]

NOW = 1_800_000_000.0
ANA = Actor("ana")
RULE = LocksSettings(automatic=True, automatic_minutes=10, automatic_programs=["retaguarda"])
CULPRIT = Blocker("4711", "gerente", "retaguarda", "estoque")


def stop(*roots: Root, since: float = NOW) -> Stoppage:
    tills = {"caixa1": sum(root.sales for root in roots)}
    return Stoppage(since, roots[0].blocker, len(roots) - 1, tills, True, roots)


def root(sales: int, head: Head = "idle", blocker: Blocker = CULPRIT) -> Root:
    return Root(blocker, sales, sales * 1000, head)


def sampled(engine: Engine, *samples: tuple[float, Stoppage | None]) -> list[Episode]:
    for after, stoppage in samples:
        episodes.note(engine, stoppage, NOW + after)
    return episodes.listed(engine, 0)


def test_samples_of_one_session_are_one_episode_that_counts_sales_times_seconds(spool_engine: Engine) -> None:
    (one,) = sampled(
        spool_engine, (10, stop(root(10))), (20, stop(root(20))), (30, stop(root(20, "active"))), (47, None)
    )
    assert (one.started_at, one.ended_at, one.ending, one.seconds) == (NOW, NOW + 30, "let_go", 30)
    assert one.sales_seconds == 50 + 150 + 200, "half of what came meanwhile, all of what was there"
    assert (one.most_sales, one.most_cents, one.sales) == (20, 20_000, 0)
    assert (one.idle_seconds, one.active_seconds, one.idle) == (20, 10, True)
    assert (one.user, one.program, one.object, one.whole) == ("gerente", "retaguarda", "estoque", True)


def test_a_poster_that_rests_between_two_tries_ends_no_episode(spool_engine: Engine) -> None:
    (one,) = sampled(spool_engine, (2, stop(root(4))), (4, None), (12, None), (14, stop(root(4))))
    assert (one.ended_at, one.seconds) == (None, 14)


def test_who_could_not_be_named_at_first_is_the_one_that_has_a_name_by_now(spool_engine: Engine) -> None:
    (one,) = sampled(spool_engine, (2, stop(root(4, "unknown", Blocker("")))), (4, stop(root(4))))
    assert (one.session, one.program, one.started_at) == ("4711", "retaguarda", NOW)


def test_several_servers_that_sample_the_same_count_it_once(spool_engine: Engine) -> None:
    samples = [(float(at), stop(root(10))) for at in (2, 2, 3, 3, 4, 4)]
    (one,) = sampled(spool_engine, *samples)
    assert one.sales_seconds == 10 + 10 + 10


def test_of_two_servers_that_begin_the_same_at_once_one_does(
    spool_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled(spool_engine, (2, stop(root(4))))
    monkeypatch.setattr(episodes, "_open", lambda _: [])  # as the other saw it a moment before
    (one,) = sampled(spool_engine, (2, stop(root(4))))
    assert one.sales_seconds == 4


def test_what_nobody_looked_at_is_not_counted_and_may_be_another_session(spool_engine: Engine) -> None:
    later = stop(root(9), since=NOW + 3590)
    new, old = sampled(spool_engine, (10, stop(root(10))), (3600, later))
    assert (old.ended_at, old.ending, old.sales_seconds) == (NOW + 10, "unseen", 50)
    assert (new.started_at, new.ended_at) == (NOW + 3590, None)


def test_two_roots_are_two_episodes_and_the_dearest_comes_first(spool_engine: Engine) -> None:
    other = Blocker("99", "joao", "relatorio", "estoque")
    both = stop(root(2), root(30, "active", other))
    found = sampled(spool_engine, (2, both), (12, both), (14, stop(root(2))), (40, stop(root(2))))
    assert {one.session: one.ended_at for one in found} == {"4711": None, "99": NOW + 12}
    first, second = ranked(found)
    assert (first.program, first.idle, first.episodes) == ("relatorio", 0, 1)
    assert (second.program, second.idle, second.cents) == ("retaguarda", 1, 2000)
    assert first.sales_seconds > second.sales_seconds


def test_whom_a_person_ended_is_not_begun_again_by_a_poster_that_still_names_it(spool_engine: Engine) -> None:
    sampled(spool_engine, (2, stop(root(4))))
    episodes.end(spool_engine, "4711", "person", NOW + 3)
    (one,) = sampled(spool_engine, (4, stop(root(4))), (6, None))
    assert (one.ending, one.ended_at) == ("person", NOW + 3)


def test_they_are_kept_for_ninety_days(spool_engine: Engine) -> None:
    sampled(spool_engine, (2, stop(root(4))), (30, None))
    assert episodes.forget(spool_engine, NOW + 89 * 86400) == 0
    assert episodes.forget(spool_engine, NOW + 91 * 86400) == 1
    assert episodes.listed(spool_engine, 0) == []


# ---- the rule ----


def refused(engine: Engine, settings: LocksSettings = RULE, rehearsed: int | None = None) -> str:
    with pytest.raises(SessionsError) as told:
        automatic_rule.switch(engine, settings, "on", ANA, NOW + 500, reason="lido", rehearsed=rehearsed)
    return told.value.code


def rehearsal(engine: Engine) -> None:
    """412 sale-minutes after the rule would have ended it."""
    automatic_rule.begin(engine, RULE, NOW)
    sampled(engine, (0, stop(root(412))))
    assert episodes.choose(engine, "4711", automatic_rule.definition(RULE), NOW)
    assert not episodes.choose(engine, "4711", automatic_rule.definition(RULE), NOW), "once"
    sampled(engine, (30, stop(root(412))), (60, stop(root(412))))


def test_a_rule_begins_with_a_rehearsal_that_says_what_it_would_have_saved(spool_engine: Engine) -> None:
    rehearsal(spool_engine)
    seen = automatic_rule.current(spool_engine, RULE)
    assert (seen.state, seen.sessions, round(seen.saved_seconds / 60)) == ("rehearsal", 1, 412)
    assert automatic_rule.words(seen) == "teria encerrado 1 sessão, poupado 412 minutos de venda"
    assert automatic_rule.words(seen, "en") == "would have ended 1 session, saved 412 sale-minutes"


def test_it_is_let_loose_only_by_who_has_read_the_rehearsal(spool_engine: Engine) -> None:
    assert refused(spool_engine, LocksSettings()) == "lock_rule_unset"
    automatic_rule.begin(spool_engine, RULE, NOW)
    assert refused(spool_engine, rehearsed=0) == "lock_rule_untried"
    rehearsal(spool_engine)
    assert refused(spool_engine) == "lock_rule_unread"
    assert refused(spool_engine, rehearsed=3) == "lock_rule_unread"
    automatic_rule.switch(spool_engine, RULE, "on", ANA, NOW + 500, reason="lido", rehearsed=1)
    assert automatic_rule.begin(spool_engine, RULE, NOW + 501) == "on"
    entry = audit.entries(spool_engine)[0]
    assert (entry.actor, entry.action, entry.reason) == ("ana", "lock_rule_switched", "lido")
    assert (entry.before["state"], entry.before["sessions"], entry.before["saved_minutes"]) == ("rehearsal", 1, 412)
    assert entry.after["state"] == "on"


def test_off_leads_to_on_only_by_a_rehearsal_of_its_own(spool_engine: Engine) -> None:
    rehearsal(spool_engine)
    automatic_rule.switch(spool_engine, RULE, "off", ANA, NOW + 400, reason="férias")
    assert automatic_rule.begin(spool_engine, RULE, NOW + 401) == "off"
    assert refused(spool_engine, rehearsed=1) == "lock_rule_untried"
    assert automatic_rule.switch(spool_engine, RULE, "rehearsal", ANA, NOW + 402, reason="de novo").sessions == 0


def test_another_rule_is_rehearsed_anew(spool_engine: Engine) -> None:
    rehearsal(spool_engine)
    automatic_rule.switch(spool_engine, RULE, "on", ANA, NOW + 500, reason="lido", rehearsed=1)
    wider = replace(RULE, automatic_programs=["*"])
    assert automatic_rule.begin(spool_engine, wider, NOW + 600) == "rehearsal"
    assert automatic_rule.current(spool_engine, wider).sessions == 0
    assert refused(spool_engine, wider, rehearsed=1) == "lock_rule_untried"
    assert automatic_rule.current(spool_engine, LocksSettings()).state == "off"
