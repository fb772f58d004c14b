"""The composition root's part for the console: what its pages ask, wired to who knows it."""

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

from malote import __version__
from malote.accounts import audit, passwords, sessions, users
from malote.accounts.audit import Actor
from malote.accounts.roles import Role
from malote.app import Services
from malote.app_load_views import load_views, structures_pulse
from malote.books import accepting, board, closings, numbering, rebooking
from malote.books.open_books import open_books
from malote.books.rules import rule_findings
from malote.business_day import business_day
from malote.config import limits_of
from malote.console import console_services as console
from malote.console.asking_together import Together
from malote.demo import bench, laboratory_faults
from malote.demo import locks as demo_locks
from malote.findings import lights, store_findings, till_groups
from malote.findings.kinds import USUAL_SECONDS
from malote.findings.lights import TillsPage, TillsQuery
from malote.findings.till_groups import GroupedTills, GroupsQuery
from malote.fiscal.reader import read
from malote.posting.ledger import ledger_short
from malote.reconciliation import erp_memory
from malote.register import (
    change_marker,
    contents,
    finding,
    flow_history,
    flow_marks,
    listing,
    period,
    reason_counts,
    relations,
    till_documents,
    till_history,
)
from malote.register.flow import Flow, FlowCounter
from malote.register.flow_history import FlowHistory, Span
from malote.rejection import Language
from malote.remembered import Remembered
from malote.spool.documents import Reason
from malote.tills import till
from malote.tills.clocks import common_clock

HISTORY_SECONDS = 5.0  # between two looks at what flowed in the time that the dashboard shows
FLOW_SECONDS = 5.0  # between two looks at what came and was booked, by minute
LOOK_SECONDS = 5.0  # between looks into the folder of rejected files, and at the ERP, for pages that refresh themselves
BANNER_SECONDS = 5.0  # between two looks of the banner during its first minute
ZONE_SECONDS = 30.0  # between two looks at what clock the tills print
BOARD_TILLS = 100  # on a page of Conciliação: 3,000 cells of a month
JOBS_SEEN = 20  # of the newest, whose progress makes pages refresh themselves
HISTORY = 100  # entries shown of one till or document


def console_services(services: Services) -> console.ConsoleServices:
    """What the console asks, over the server's own parts."""
    engine, settings = services.engine, services.settings

    return console.ConsoleServices(
        store_name=settings.store.name,
        erp_name=settings.erp.name,
        language=settings.language,
        version=__version__,
        accounts=_accounts(services),
        users=_users(services),
        tills=_tills(services),
        till_accounts=_till_accounts(services),
        documents=_documents(services),
        locks=services.locks,
        structures=services.structures,
        loads=services.loads,
        asked_loads=services.asked_loads,
        load_views=load_views(services),
        dashboard=_dashboard(services),
        flow=_flow(services),
        quarantine=services.quarantine,
        findings=Remembered(services.quarantine.findings, LOOK_SECONDS),
        custody=Remembered(services.quarantine.custody, LOOK_SECONDS),
        synchronisation=services.synchronisation,
        runbook=services.runbook,
        laboratory=_laboratory(),
        jobs=services.jobs,
        alerts=services.alerts,
        numbering=console.Numbering(
            series=partial(numbering.series, engine), numbers=partial(numbering.numbers, engine)
        ),
        books=_books(services),
        ledger=partial(_ledger, services),
        happenings=partial(till_history.of_till, engine, limit=HISTORY),
        beside=partial(relations.beside, engine),
        trail_of=lambda on: audit.entries(engine, on=on, limit=HISTORY),
        audit=lambda before, limit, user, action, on: audit.entries(
            engine, before_id=before, limit=limit, user=user or None, action=action or None, on=on or None
        ),
        consumers=services.consumers.seen,
        consumer_log=partial(services.consumers.log_of, limit=HISTORY),
        pulse=partial(_pulse, services),
        structures_pulse=lambda _: structures_pulse(services),
        jobs_pulse=lambda _: _jobs_pulse(services, None),
        now=time.time,
        zone=_zone(services),
    )


def _zone(services: Services) -> Callable[[], tzinfo | None]:
    """The clock of the settings; else the one that most tills print."""
    named = business_day(services.settings.books).zone
    if named is not None:
        return lambda: named
    common: Remembered[str, tzinfo | None] = Remembered(lambda _: common_clock(services.engine), ZONE_SECONDS)
    return lambda: common("")


def _tills(services: Services) -> console.Tills:
    engine = services.engine

    def page(query: TillsQuery) -> TillsPage:
        return lights.tills(engine, query, now=time.time())

    def in_groups(queries: tuple[GroupsQuery, ...]) -> list[GroupedTills]:
        return till_groups.together(engine, queries, now=time.time())

    return console.Tills(
        page=Together(page),
        grouped=Together(in_groups),
        matching=lambda query: lights.matching_tills(engine, query, now=time.time()),
        find=lambda name: lights.till_overview(engine, name, now=time.time()),
        refused=partial(lights.refused_files, engine),
    )


def _till_accounts(services: Services) -> console.TillAccounts:
    engine = services.engine

    def set_disabled(actor: Actor, name: str, disabled: bool) -> str:
        (till.disable if disabled else till.enable)(engine, name, actor=actor)
        return ""

    return console.TillAccounts(
        create=lambda actor, name, label: till.create_till(engine, name, label, actor=actor)[1],
        renew=lambda actor, name: till.new_token(engine, name, actor=actor),
        set_disabled=set_disabled,
    )


def _flow(services: Services) -> Callable[[tuple[int, ...]], Flow]:
    counter = FlowCounter(services.engine)
    remembered: Remembered[tuple[int, ...], Flow] = Remembered(lambda ids: counter(ids, time.time()), FLOW_SECONDS)
    return remembered


def _documents(services: Services) -> console.Documents:
    engine, settings = services.engine, services.settings
    return console.Documents(
        page=partial(listing.page, engine),
        searched=partial(listing.searched, engine),
        find=partial(till_documents.document, engine),
        anywhere=partial(finding.find, engine),
        content=partial(contents.content, engine),
        read=lambda content: read(content, limits_of(settings.store, settings.intake)),
        flagged=partial(till_documents.flagged, engine),
        overdue=lambda till: till_documents.overdue(engine, till, now=time.time()),
    )


def _books(services: Services) -> console.ConsoleBooks:
    engine = services.engine
    return console.ConsoleBooks(
        outside=partial(erp_memory.outside_in_all, engine),
        unguarded=partial(erp_memory.unguarded_in_all, engine),
        rebook=partial(_rebook, services, rebooking.outside_only),
        guard=partial(_rebook, services, rebooking.guards_only),
        board=partial(_board, services),
        day=partial(_day, services),
        lost=partial(accepting.lost, engine),
        closings=partial(closings.listed, engine),
        accept_closing=lambda actor, till, day, reason: accepting.accept_closing(
            engine, till, day, actor, reason, time.time()
        ),
        ruled=partial(rule_findings.listed, engine),
        accept_rule=lambda actor, wanted, reason: rule_findings.accept(engine, wanted, actor, reason, time.time()),
        of_store=lambda: store_findings.store_findings_of(engine, time.time()),
        accept_lost=lambda actor, till, reason: accepting.accept_lost(engine, till, actor, reason, time.time())[0],
        gaps=lambda till: accepting.gaps(engine, time.time(), till),
        accept_day=lambda actor, till, day, reason: accepting.accept_day(engine, till, day, actor, reason, time.time()),
        accept_gaps=lambda actor, wanted, reason: accepting.accept_numbers(engine, wanted, actor, reason, time.time()),
    )


def _board(services: Services, till: str | None, after: str, days: int) -> board.Board:
    calendar = business_day(services.settings.books)
    now = datetime.now(UTC).astimezone(_zone(services)())
    today = calendar.of(now.isoformat()) or now.date()
    since = today - timedelta(days=days - 1)
    query = board.BoardQuery(since, today, till, after, size=BOARD_TILLS, whole=till is None)
    return board.board(services.engine, calendar, query, today)


def _day(services: Services, till: str, day: date) -> list[board.ListedSale]:
    return board.of_day(services.engine, business_day(services.settings.books), till, day)


def _rebook(services: Services, chosen: rebooking.Choice, actor: Actor, shown: int) -> int | None:
    with open_books(services.engine, services.settings) as opened:
        return rebooking.rebook_as_shown(opened, chosen, actor, shown, time.time())


def _ledger(services: Services) -> Reason | None:
    """Why nothing is booked, while the ERP's ledger lacks what was booked before."""
    trouble = erp_memory.recall(services.engine).trouble
    if trouble is None:
        return None
    error = ledger_short(trouble, "")
    return Reason(error.code, error.facts)


def _pulse(services: Services, name: str | None) -> str:
    """Of all tills also whether they stand still: the banner must come at once, and its duration must not be old."""
    seen = change_marker.pulse(services.engine, name)
    if name is not None:
        seen += _jobs_pulse(services, name)
    if name is None and (ledger := _ledger(services)):
        seen += f" {ledger.facts}"
    stoppage = services.locks.stoppage() if name is None else None
    if stoppage is None:
        return seen
    age = time.time() - stoppage.since
    step = age // BANNER_SECONDS if age < 60 else age // 60
    return f"{seen} {stoppage.blocker} {stoppage.others} {stoppage.whole} {stoppage.sales} {step}"


def _jobs_pulse(services: Services, till: str | None) -> str:
    return repr(
        [(one.id, one.state, one.done, one.refused, one.waits) for one in services.jobs.recent(till, JOBS_SEEN)]
    )


def _laboratory() -> console.ConsoleLaboratory | None:
    """In a server that a demo started."""
    folder = os.environ.get(bench.VARIABLE)
    if not folder:
        return None
    of_demo = bench.Bench(Path(folder))

    def listed(language: Language) -> list[tuple[str, str, bool]]:
        planted = of_demo.planted()
        return [(name, laboratory_faults.title(name, language), name in planted) for name in laboratory_faults.FAULTS]

    def ask(name: str, plant: bool) -> None:
        of_demo.ask(name, plant=plant)

    return console.ConsoleLaboratory(listed=listed, ask=ask, dba=(demo_locks.DBA.upper(), demo_locks.DBA_PASSWORD))


def _dashboard(services: Services) -> console.ConsoleDashboard:
    engine, zone = services.engine, _zone(services)

    def history(span: Span) -> FlowHistory:
        return flow_history.history(engine, span, now=time.time(), zone=zone(), target=USUAL_SECONDS)

    return console.ConsoleDashboard(
        history=Remembered(history, HISTORY_SECONDS),
        marks=partial(flow_marks.marks, engine),
        rejected=partial(reason_counts.by_reason, engine, "rejected"),
        waiting=partial(reason_counts.by_reason, engine, "waiting"),
        period=partial(period.page, engine),
    )


def _accounts(services: Services) -> console.Accounts:
    engine = services.engine
    return console.Accounts(
        sign_in=lambda name, password, address: users.sign_in(engine, name, password, address=address, now=time.time()),
        find=lambda token, touch: sessions.find(engine, token, now=time.time(), touch=touch),
        sign_out=lambda token: sessions.end(engine, token),
        change_password=lambda user, old, new, address: users.change_password(
            engine, user, old, new, address=address, now=time.time()
        ),
    )


def _users(services: Services) -> console.Users:
    engine = services.engine

    def create(actor: Actor, name: str, role: Role, display_name: str) -> str:
        password = passwords.one_time()
        users.create(engine, actor, name, role=role, password=password, display_name=display_name)
        return password

    def give_password(actor: Actor, name: str) -> str:
        password = passwords.one_time()
        users.set_password(engine, actor, name, password)
        return password

    def set_role(actor: Actor, name: str, role: Role) -> None:
        users.set_role(engine, actor, name, role)

    def set_disabled(actor: Actor, name: str, disabled: bool) -> None:
        users.set_disabled(engine, actor, name, disabled)

    return console.Users(
        listed=lambda: users.listed(engine),
        create=create,
        set_role=set_role,
        set_disabled=set_disabled,
        give_password=give_password,
    )
