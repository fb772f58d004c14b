"""The retailer's own rules: asked of sales and days as they change, told by lights, and answered for with a reason."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from malote.accounts.audit import SYSTEM
from malote.books.note_findings import look
from malote.books.rules import rule_findings, rule_store
from malote.books.rules.file import load
from malote.books.rules.rule_findings import WantedFindings
from malote.business_day import BusinessCalendar
from malote.database.account_tables import audit_entry
from malote.database.book_tables import book_day
from malote.database.engine import reading, writing
from malote.findings import lights
from malote.findings.kinds import Finding
from malote.findings.listing import findings
from malote.tills.till import create_till
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING, cancellation, sale

pytest_plugins = ["tests.engines.spool_fixtures"]

DAY = OPENING.date()
VALUE = sale(1).totals.total
DURING = datetime.combine(DAY, time(12)).astimezone().timestamp()
OVER = DURING + 86_400
CALENDAR = BusinessCalendar()

DEAR = '[[rule]]\nname = "cara"\nof = "sale"\nwhen = "total > 1 and not cancelled"\ntext = "Venda cara"\nweight = 62\n'
CANCELLED = '[[rule]]\nname = "estorno"\nof = "sale"\nwhen = "cancelled and cancelled_after >= 0"\ntext = "Estorno"\n'
FEW = '[[rule]]\nname = "poucas"\nof = "day"\nwhen = "count < 3"\ntext = "Poucas vendas"\ntext_en = "Few sales"\n'
CASH = '[[rule]]\nname = "dinheiro"\nof = "day"\nwhen = "cash + other > 0"\ntext = "Dinheiro"\nweight = 70\n'


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}") as opened:
        with closing(opened.erp()) as erp:
            erp.create_structure()
        yield opened


def book(shop: Shop) -> None:
    with closing(shop.poster()) as poster:
        poster.drain()


def write(shop: Shop, tmp_path: Path, *rules: str, now: float = DURING) -> list[str]:
    file = tmp_path / "regras.toml"
    file.write_text("".join(rules), encoding="utf-8")
    return rule_store.sync(shop.engine, file, CALENDAR.at(now), now)


def told(engine: Engine, now: float) -> list[tuple[str, int, int, int]]:
    look(engine, CALENDAR, now)
    overview = lights.till_overview(engine, "caixa1", now=now)
    assert overview is not None
    return [(one.code, one.count, one.value, one.weight) for one in overview.findings if one.name == "rules"]


def test_a_rule_of_sales_follows_what_becomes_of_them(shop: Shop, tmp_path: Path) -> None:
    engine = shop.engine
    shop.accept(sale(1), sale(2))
    book(shop)
    assert told(engine, DURING) == []
    assert write(shop, tmp_path, DEAR, CANCELLED) == []
    assert told(engine, DURING) == [("own_rule:cara", 2, 2 * VALUE, 62)], "what was booked before the rule, too"
    overview = lights.till_overview(engine, "caixa1", now=DURING)
    assert overview is not None
    assert overview.light == "attention"
    assert "Venda cara" in next(one.remedy() for one in overview.findings if one.name == "rules")
    assert [one.title("en") for one in findings(engine, DURING) if one.name == "rules"] == ["The store's rule: cara"]
    assert (
        rule_findings.accept(engine, WantedFindings("cara", "CAIXA1", DAY, 1), SYSTEM, "cliente conhecido", DURING) == 1
    )
    assert (
        rule_findings.accept(engine, WantedFindings("cara", "caixa1", DAY, 1), SYSTEM, "cliente conhecido", DURING) == 0
    )
    with reading(engine) as connection:
        entry = connection.execute(select(audit_entry).where(audit_entry.c.action == "rule_accepted")).one()
    assert entry.reason == "cliente conhecido"
    assert told(engine, DURING) == [("own_rule:cara", 1, VALUE, 62)]
    shop.accept(cancellation(sale(2)), sale(3))
    book(shop)
    assert told(engine, DURING) == [("own_rule:cara", 1, VALUE, 62), ("own_rule:estorno", 1, VALUE, 45)]
    assert [one.number for one in rule_findings.listed(engine) if one.rule == "cara"] == [3], "2 is cancelled"
    assert [one.accepted for one in rule_findings.listed(engine, accepted=True)].count(True) == 1


def test_a_rule_of_days_is_asked_once_the_day_is_over_and_again_when_it_changes(shop: Shop, tmp_path: Path) -> None:
    engine = shop.engine
    shop.accept(sale(1), sale(2))
    book(shop)
    write(shop, tmp_path, FEW, CASH)
    assert told(engine, DURING) == [], "the day isn't over"
    assert told(engine, OVER) == [("own_rule:dinheiro", 1, 2 * VALUE, 70), ("own_rule:poucas", 1, 2 * VALUE, 45)]
    assert rule_findings.accept(engine, WantedFindings("dinheiro", "caixa1"), SYSTEM, "é assim mesmo", OVER) == 1
    shop.accept(sale(3))
    book(shop)
    assert told(engine, OVER) == [], "three sales by now; what a person answered for stays so"
    assert [one.day for one in rule_findings.listed(engine, accepted=True)] == [DAY.isoformat()]


def test_days_without_a_sale_are_asked_about(spool_engine: Engine, tmp_path: Path) -> None:
    till, _ = create_till(spool_engine, "caixa1")
    file = tmp_path / "regras.toml"
    file.write_text(FEW, encoding="utf-8")
    now = datetime.now(UTC).timestamp()
    rule_store.sync(spool_engine, file, CALENDAR.at(now), now)
    assert told(spool_engine, now) == [], "it was made today"
    assert told(spool_engine, now + 3 * 86_400) == [("own_rule:poucas", 2, 0, 45)]
    assert told(spool_engine, now + 3 * 86_400) == [("own_rule:poucas", 2, 0, 45)], "once each"
    # What was counted of a day is asked about by its own row.
    counted: dict[str, object] = {one.name: 0 for one in book_day.columns if not one.nullable}
    with writing(spool_engine) as connection:
        day = (CALENDAR.at(now) - timedelta(days=1)).isoformat()
        connection.execute(insert(book_day), counted | {"till_id": till.id, "day": day, "ranges": "[]"})
    assert told(spool_engine, now + 3 * 86_400) == [("own_rule:poucas", 3, 0, 45)]
    file.write_text(FEW.replace("< 3", "< 0"), encoding="utf-8")
    rule_store.sync(spool_engine, file, CALENDAR.at(now) + timedelta(days=3), now)
    assert told(spool_engine, now + 3 * 86_400) == [], "another condition: what the old one found goes"


def test_a_faulty_file_is_told_and_leaves_the_rules_as_they_were(shop: Shop, tmp_path: Path) -> None:
    engine = shop.engine
    write(shop, tmp_path, DEAR)
    shop.accept(sale(1))
    book(shop)
    assert write(shop, tmp_path, DEAR.replace("total > 1", "total > ''"))[1].startswith("cara: letter 9")
    assert told(engine, DURING) == [("own_rule:cara", 1, VALUE, 62)]
    whole: list[Finding] = [one for one in findings(engine, DURING) if one.name == "store"]
    assert [(one.code, one.till, one.light) for one in whole] == [("rules_unusable", "", "attention")]
    assert "letra 9" in whole[0].remedy()
    (tmp_path / "regras.toml").unlink()
    assert rule_store.sync(engine, tmp_path / "regras.toml", DAY, DURING)
    assert rule_store.sync(engine, None, DAY, DURING) == [], "no rules are wanted any more"
    assert told(engine, DURING) == []
    assert [one for one in findings(engine, DURING) if one.name == "store"] == []


def test_a_file_is_tried_on_the_past_and_keeps_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.accept(sale(1), sale(2), cancellation(sale(2)))
    book(shop)
    file = tmp_path / "regras.toml"
    file.write_text(DEAR + CANCELLED + FEW, encoding="utf-8")
    rules, _ = load(file)
    found = rule_findings.tried(shop.engine, CALENDAR, rules, DAY - timedelta(days=1), DAY)
    assert [(one.rule, one.day, one.number, one.total) for one in found] == [
        ("poucas", (DAY - timedelta(days=1)).isoformat(), None, 0),
        ("poucas", DAY.isoformat(), None, VALUE),
        ("cara", DAY.isoformat(), 1, VALUE),
        ("estorno", DAY.isoformat(), 2, VALUE),
    ]
    assert rule_findings.listed(shop.engine) == []
