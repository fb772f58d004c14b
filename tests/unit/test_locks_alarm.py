"""The banner's words, and the rule of the automatic measure."""

from typing import Any, cast

import pytest
from msgspec.structs import replace

from malote.config import LocksSettings
from malote.erp.sessions.protocol import ErpSession, SessionIdentity
from malote.locks.alarm import Alarm, words
from malote.locks.automatic import matches
from malote.locks.lock_reports import Behind, Blocker, Node, Stoppage
from malote.rejection import Language

TILLS = {f"caixa{n}": 25 if n < 10 else 45 for n in range(12)}
STOPPAGE = Stoppage(1000.0, Blocker("4711", "usuario", "programa", "estoque"), 0, TILLS, True)


def test_what_was_just_seen_to_be_released_lingers_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    alarm = Alarm(cast("Any", None), None, clock=lambda: 1000.0)
    looks = iter([STOPPAGE, None])
    monkeypatch.setattr(alarm, "_look", lambda _now: next(looks))
    assert alarm() is alarm() is STOPPAGE, "one look a second"
    alarm.released()
    assert alarm() is None


def test_the_banner_in_the_words_that_people_know() -> None:
    assert words(STOPPAGE, 1185.0) == (
        "Vendas paradas há 3 min: a sessão 4711 (usuario, programa) segura a tabela estoque; "
        "12 caixas, 340 vendas esperam"
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (7500, "2 h 5 min")]
)
def test_how_long(seconds: float, said: str) -> None:
    assert words(STOPPAGE, 1000 + seconds).startswith(f"Vendas paradas há {said}:")


@pytest.mark.parametrize(
    ("changes", "language", "said"),
    [
        ({}, "en", "Sales stopped for 5 s: session 4711 (usuario, programa) holds the table estoque; 12 tills, 340"),
        ({"whole": False}, "pt", "Algumas vendas esperam há 5 s: a sessão 4711"),
        ({"others": 2}, "pt", "segura a tabela estoque (e outros 2); 12"),
        ({"tills": {"caixa1": 1}}, "pt", "; 1 caixa, 1 venda espera"),
        ({"tills": {"caixa1": 1}}, "en", "; 1 till, 1 sale waits"),
        ({"blocker": Blocker("")}, "pt", ": outro programa segura o banco do ERP; "),
        ({"blocker": Blocker("7", "", "", "")}, "pt", ": a sessão 7 segura o banco do ERP; "),
        ({"blocker": Blocker("7", "", "", "advisory 42")}, "pt", ": a sessão 7 segura o bloqueio advisory 42; "),
        (
            {"blocker": Blocker("prepared:x1", "erp", "", "stock")},
            "pt",
            ": a transação preparada x1 (erp) segura a tabela stock; ",
        ),
    ],
)
def test_each_kind_of_stop(changes: dict[str, object], language: Language, said: str) -> None:
    assert said in words(replace(STOPPAGE, **changes), 1005.0, language)


# ---- the rule ----

RULE = LocksSettings(automatic=True, automatic_minutes=10, automatic_users=["ger*"], automatic_programs=["*aguarda"])
IDLE = ErpSession(
    identity=SessionIdentity("1", "2026-01-01T00:00:00+00"),
    user="Gerente",
    machine="",
    program="retaguarda",
    state="idle in transaction",
    transaction_age=700.0,
    query_age=650.0,
    idle_in_transaction=True,
)
NODE = Node(IDLE, 0, True, True, 1, Behind({"caixa1": 3}), True, True)


def test_who_fits_the_rule_is_ended() -> None:
    assert matches(NODE, RULE)


@pytest.mark.parametrize(
    "settings",
    [
        replace(RULE, automatic_users=["outro"]),
        replace(RULE, automatic_programs=["relatorio*"]),
        replace(RULE, automatic_users=[], automatic_programs=[]),
        replace(RULE, automatic_minutes=11.0),
    ],
)
def test_who_does_not_fit_is_left_alone(settings: LocksSettings) -> None:
    assert not matches(NODE, settings)


@pytest.mark.parametrize(
    "node",
    [
        replace(NODE, behind=Behind()),
        replace(NODE, killable=False),
        replace(NODE, session=replace(IDLE, idle_in_transaction=False)),
        replace(NODE, session=replace(IDLE, query_age=5.0)),
        replace(NODE, session=replace(IDLE, transaction_age=None)),
    ],
)
def test_only_idle_blockers_of_sales_are_ended(node: Node) -> None:
    assert not matches(node, RULE)
