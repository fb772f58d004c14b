"""Tells of numbers that are missing, and of days that are over and lack sales, as the till counts them."""

from sqlalchemy import Engine

from malote.books import closings, damaged_files, gaps, unproven_days
from malote.books.rules import evaluation
from malote.books.store_days import by_store_clock
from malote.business_day import BusinessCalendar
from malote.database.engine import reading
from malote.findings import noted_findings
from malote.findings.kinds import USUAL_SECONDS
from malote.findings.noted_findings import NotedStanding
from malote.reconciliation import book_days, day_differences
from malote.tills import lost_sales

MARKS = 200  # days counted anew at one look; the poster counts the rest


def look(engine: Engine, calendar: BusinessCalendar, now: float) -> None:
    """Notes of each till missing numbers, and the days that are over and of which it counts more or other sales than
    are here; both beyond the usual moment. The cost is that of what changed and is found. Raises ``StoreError``.

    A day that differs in the ERP is told by what differs, and not once more by its day.
    """
    calendar = by_store_clock(engine, calendar)
    book_days.recount(engine, calendar, MARKS)
    usual = now - USUAL_SECONDS
    lost_sales.settle(engine)
    today = calendar.at(usual)
    day_differences.judge(engine, calendar, today, now)
    with reading(engine) as connection:
        found = day_differences.standing(connection, today, usual)
    noted_findings.note(
        engine, "days", None, {till: NotedStanding(one.days, one.total, one.since) for till, one in found.items()}
    )
    known = noted_findings.noted(engine, "unproven")
    with reading(engine) as connection:
        unproven = unproven_days.unproven(connection, today, now, known)
    noted_findings.note(engine, "unproven", None, unproven)
    closings.judge(engine, calendar, today, now)
    with reading(engine) as connection:
        differing = closings.standing(connection)
    noted_findings.note(engine, "closings", None, differing)
    with reading(engine) as connection:
        damaged = damaged_files.standing(connection)
    noted_findings.note(engine, "damaged", None, damaged)
    evaluation.look(engine, calendar, today, now)
    with reading(engine) as connection:
        broken = evaluation.standing(connection)
    noted_findings.note(engine, "rules", None, broken)
    noted_findings.note(engine, "numbers", None, gaps.look(engine, now))
