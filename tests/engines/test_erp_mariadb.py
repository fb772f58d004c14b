"""Sales through an ERP's own procedure on a real MariaDB: each once, to the cent; every fault told apart."""

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import load
from malote.erp.protocol import Erp, ErpError, Result
from malote.fiscal.documents import Document
from tests.engines import mariadb_support as mercadinho
from tests.engines.classico import expected_stock, money, paid_in_cash
from tests.engines.erp_support import post
from tests.engines.posting_child import LEASE_SECONDS
from tests.engines.posting_support import open_shop, until
from tests.engines.sales import cancellation, contingency, item, postings, protocol, sale, supermarket
from tests.engines.test_posting_kills import child

Opened = Callable[..., Erp]

DAY = [paid_in_cash(one, change=137) if place % 3 == 0 else one for place, one in enumerate(supermarket(40))]
UNKNOWN = sale(500, items=[item(1, product="SEM-CADASTRO")])
TABLES = ("venda_item", "venda_pagamento", "venda", "malote_chave", "malote_sale")


@pytest.fixture(scope="module")
def server() -> str:
    url = mercadinho.fresh_mariadb_url()
    mercadinho.create_mercadinho(url, [*DAY, sale()])
    mercadinho.open_mercadinho(url).close()
    return url


@pytest.fixture
def url(server: str) -> str:
    mercadinho.run(
        server,
        "SET foreign_key_checks = 0",
        *(f"DELETE FROM {table}" for table in TABLES),
        "UPDATE produto SET saldo = 0",
        *(f"DROP TRIGGER IF EXISTS {name}" for name in ("regra", "espera")),
    )
    return server


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made: list[Erp] = []

    def open_it(url: str, call: str = "", **limits: float) -> Erp:
        profile = mercadinho.PROFILE
        if call:
            profile = tmp_path / f"{len(made)}.toml"
            given = mercadinho.PROFILE.read_text(encoding="utf-8").replace("call importar_lote(:documents)", call)
            profile.write_text(given, encoding="utf-8")
        made.append(mercadinho.open_mercadinho(url, profile, **limits))
        return made[-1]

    yield open_it
    for erp in made:
        erp.close()


@pytest.fixture
def erp(url: str, opened: Opened) -> Erp:
    return opened(url)


def refused(erp: Erp, *documents: object) -> ErpError:
    with pytest.raises(ErpError) as told:
        erp.post(postings(documents))  # type: ignore[arg-type]
    return told.value


def taken(url: str) -> dict[str, Decimal]:
    return dict(mercadinho.ask(url, "SELECT codigo, -saldo FROM produto WHERE saldo <> 0"))


def counts(url: str) -> list[int]:
    return [mercadinho.ask(url, f"SELECT count(*) FROM {table}")[0][0] for table in ("venda", "malote_sale")]


# ---- a day ----


def test_the_manual_shows_what_is_run_here() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "erp-profiles.md").read_text(encoding="utf-8")
    assert mercadinho.PROFILE.read_text(encoding="utf-8") in manual
    script = (mercadinho.FOLDER / "mercadinho.sql").read_text(encoding="utf-8")
    procedures = [one.strip() for one in script.split("//") if "CREATE PROCEDURE" in one]
    assert len(procedures) == 3
    assert all(one in manual for one in procedures)


def test_a_day_stands_in_the_erp_as_it_was_sold(erp: Erp, url: str) -> None:
    gone = DAY[::7]
    found = [one.result for one in erp.post(postings([*DAY, *map(cancellation, gone), *DAY[:5]]))]
    assert found == [Result.POSTED] * (len(DAY) + len(gone)) + [Result.DUPLICATE] * 5
    cancelled = {one.access_key for one in gone}
    header = "SELECT chave, emissao, total, troco, protocolo, situacao FROM venda ORDER BY chave"
    assert mercadinho.ask(url, header) == [
        (
            *(one.access_key, one.issued_at.replace(tzinfo=None), money(one.totals.total), money(one.change)),
            *(one.protocol.number if one.protocol else None, "C" if one.access_key in cancelled else "A"),
        )
        for one in sorted(DAY, key=lambda one: one.access_key)
    ]
    paid = sum(each.amount for one in DAY for each in one.payments)
    assert mercadinho.ask(url, "SELECT sum(valor) FROM venda_pagamento") == [(money(paid),)]
    assert taken(url) == expected_stock(one for one in DAY if one not in gone)
    named = "SELECT count(*) FROM venda v JOIN malote_sale m ON m.access_key = v.chave AND m.erp_id = v.id"
    assert mercadinho.ask(url, named) == [(len(DAY),)]
    assert sorted(one.access_key for one in erp.booked() if one.cancelled) == sorted(cancelled)
    assert {one.issued_at for one in erp.booked()} == {one.issued_at for one in DAY}


def test_what_the_erp_refuses_or_wants_later_stands_alone(erp: Erp, url: str) -> None:
    mercadinho.run(
        url,
        f"""CREATE TRIGGER espera BEFORE INSERT ON venda FOR EACH ROW IF new.chave = '{DAY[1].access_key}'
            THEN SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'caixa ainda fechado'; END IF""",
    )
    outcomes = erp.post(postings([DAY[0], UNKNOWN, DAY[1], DAY[2]]))
    assert [one.result for one in outcomes] == [Result.POSTED, Result.REFUSED, Result.WAITS, Result.POSTED]
    assert (outcomes[1].code, outcomes[1].facts["said"]) == ("erp_refused", "produto sem cadastro: SEM-CADASTRO")
    assert (outcomes[2].code, outcomes[2].facts["said"]) == ("erp_says_wait", "caixa ainda fechado")
    assert counts(url) == [2, 2]
    assert erp.ledger([UNKNOWN.access_key, DAY[1].access_key]) == {}


def test_one_call_for_each_sale_and_the_errors_of_the_erp(url: str, opened: Opened) -> None:
    mercadinho.run(url, "CREATE OR REPLACE PROCEDURE uma(IN d JSON) BEGIN CALL importar_venda(d, @n); SELECT @n; END")
    erp = opened(url, "call uma(:document)")
    outcomes = erp.post(postings([DAY[0], UNKNOWN, DAY[1]]))
    assert [one.result for one in outcomes] == [Result.POSTED, Result.REFUSED, Result.POSTED]
    assert outcomes[1].code == "erp_refused"
    assert outcomes[1].facts | {"said": "produto sem cadastro: SEM-CADASTRO", "sqlstate": "45000"} == outcomes[1].facts
    assert counts(url) == [2, 2]
    assert post(erp, cancellation(DAY[1]), first_id=9) == [Result.POSTED]
    assert mercadinho.ask(url, "SELECT situacao FROM venda ORDER BY id") == [("A",), ("C",)]


def test_a_protocol_that_comes_later_reaches_the_erp(erp: Erp, url: str) -> None:
    offline = contingency(700, items=DAY[0].items)
    assert post(erp, offline) == [Result.POSTED]
    authorised = msgspec.structs.replace(offline, protocol=protocol(700))
    assert post(erp, authorised, first_id=2) == [Result.PROTOCOL_ADDED]
    assert mercadinho.ask(url, "SELECT protocolo FROM venda") == [(protocol(700).number,)]


def test_an_error_behind_the_answer_is_heard(url: str, opened: Opened) -> None:
    """A procedure gives its rows first and fails then."""
    body = "SELECT 7 AS id; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'tarde demais'; END"
    mercadinho.run(url, f"CREATE OR REPLACE PROCEDURE tarde(IN d JSON) BEGIN {body}")
    outcome = opened(url, "call tarde(:document)").post(postings([DAY[0]]))[0]
    assert (outcome.result, outcome.facts["said"]) == (Result.REFUSED, "tarde demais")
    assert counts(url) == [0, 0]


# ---- the transaction is nobody's but Malote's ----


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK", "START TRANSACTION", "CREATE TABLE outra (i INT)"])
def test_a_procedure_that_ends_the_transaction_books_nothing_and_rejects_nobody(
    url: str, opened: Opened, ending: str
) -> None:
    body = f"CALL importar_venda(d, @n); {ending}; SELECT @n; END"
    mercadinho.run(url, f"CREATE OR REPLACE PROCEDURE fecha(IN d JSON) BEGIN {body}")
    outcomes = opened(url, "call fecha(:document)").post(postings(DAY[:2]))
    assert [(one.result, one.code) for one in outcomes] == [(Result.WAITS, "erp_call_broken")] * 2
    assert "COMMIT" in outcomes[0].facts["detail"]
    assert counts(url) == [0, 0]
    assert mercadinho.ask(url, "SELECT count(*) FROM malote_chave WHERE identity REGEXP '^[0-9]'") == [(0,)]


@pytest.mark.parametrize("swallowed", [True, False])
def test_a_deadlock_is_tried_again_or_said_whoever_swallows_it(url: str, opened: Opened, swallowed: bool) -> None:
    """The server took everything back, and a handler of the ERP's goes on to say "refused"."""
    handler = "DECLARE EXIT HANDLER FOR SQLEXCEPTION SELECT 'refused' AS answer;" if swallowed else ""
    touched = "".join(f"UPDATE produto SET saldo = saldo WHERE id = {number};" for number in (2, 1))
    mercadinho.run(url, f"CREATE OR REPLACE PROCEDURE engole(IN d JSON) BEGIN {handler} {touched} END")
    erp = opened(url, "call engole(:document)", lock_timeout_seconds=60, statement_timeout_seconds=60)
    told: list[object] = []
    with mercadinho.connected(url, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # locks no row but those it changes
        # The heavier transaction is not the one that is taken back.
        cursor.execute("UPDATE produto SET saldo = saldo + 1 WHERE id <> 2")
        waiting = threading.Thread(target=lambda: told.append(said(erp, DAY[0])))
        waiting.start()
        until(lambda: _waits(url), seconds=60)
        cursor.execute("UPDATE produto SET saldo = saldo + 1 WHERE id = 2")
        other.rollback()
        waiting.join()
    assert told == ["erp_conflict" if swallowed else Result.POSTED]
    assert len(erp.ledger([DAY[0].access_key])) == (0 if swallowed else 1)


def said(erp: Erp, document: Document) -> object:
    try:
        return post(erp, document)[0]
    except ErpError as error:
        return error.code


def _waits(url: str) -> bool:
    return bool(mercadinho.ask(url, "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"))


# ---- faults, told apart ----


def test_a_lock_of_somebody_elses_lets_all_wait(url: str, opened: Opened) -> None:
    erp = opened(url, lock_timeout_seconds=1)
    with mercadinho.connected(url, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("SELECT * FROM produto FOR UPDATE")
        error = refused(erp, DAY[0])
    assert (error.code, error.transient) == ("erp_locked", True)
    assert "1205" in error.detail
    assert post(erp, DAY[0]) == [Result.POSTED]


def test_a_statement_that_takes_too_long(url: str, opened: Opened) -> None:
    mercadinho.run(url, "CREATE OR REPLACE PROCEDURE dorme(IN d JSON) BEGIN WHILE TRUE DO SET @n = 1; END WHILE; END")
    error = refused(opened(url, "call dorme(:document)", statement_timeout_seconds=0.5), DAY[0])
    assert (error.code, error.transient) == ("erp_slow", True)


def test_what_the_server_does_not_end_itself_is_ended(
    url: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a loop the server may lose its own limit; the session would hold the ledger's rows for ever."""
    monkeypatch.setattr("malote.erp.mariadb.session_limits.LIMIT", "DO {seconds}")
    monkeypatch.setattr("malote.erp.mariadb.engine.SPARE_SECONDS", 0.0)
    mercadinho.run(url, "CREATE OR REPLACE PROCEDURE dorme(IN d JSON) BEGIN WHILE TRUE DO SET @n = 1; END WHILE; END")
    erp = opened(url, "call dorme(:document)", statement_timeout_seconds=1, lock_timeout_seconds=1)
    error = refused(erp, DAY[0])
    assert (error.code, error.transient) == ("erp_slow", True)
    running = "SELECT 1 FROM information_schema.processlist WHERE info LIKE '%@n = 1%' AND id <> CONNECTION_ID()"
    until(lambda: not mercadinho.ask(url, running), seconds=60)
    mercadinho.run(url, "CREATE OR REPLACE PROCEDURE dorme(IN d JSON) BEGIN CALL importar_venda(d, @n); SELECT @n; END")
    assert post(erp, DAY[0]) == [Result.POSTED]


def test_a_session_that_is_ended_and_a_server_that_is_away(url: str, opened: Opened) -> None:
    mercadinho.run(url, "CREATE OR REPLACE PROCEDURE morre(IN d JSON) BEGIN KILL CONNECTION_ID(); DO SLEEP(5); END")
    erp = opened(url, "call morre(:document)")
    error = refused(erp, DAY[0])
    assert (error.code, error.transient) == ("erp_away", True)
    mercadinho.run(url, "CREATE OR REPLACE PROCEDURE morre(IN d JSON) BEGIN CALL importar_venda(d, @n); SELECT @n; END")
    assert post(erp, DAY[0]) == [Result.POSTED]  # over a new connection
    nowhere = open_erp("mysql://root:secret@127.0.0.1:1/x", lock_timeout_seconds=1)
    error = refused(nowhere, DAY[0])
    assert (error.code, error.transient) == ("erp_away", True)
    assert "secret" not in f"{error} {error.detail} {error.facts}"


def test_a_wrong_password_and_a_missing_privilege(url: str) -> None:
    mercadinho.run(
        url,
        "CREATE OR REPLACE USER caixa@'%' IDENTIFIED BY 'certa'",
        "GRANT SELECT ON *.* TO caixa@'%'",
    )
    tables = ErpTables(load(str(mercadinho.PROFILE)))
    for password, code in (("errada", "erp_refused_login"), ("certa", "erp_privilege")):
        erp = open_erp(url.replace("root", f"caixa:{password}"), lock_timeout_seconds=1, tables=tables)
        error = refused(erp, DAY[0])
        assert (error.code, error.transient) == (code, True)
        erp.close()


RULES = {
    "erp_constraint": [
        "INSERT INTO venda (chave, emissao, total, troco) VALUES (NULL, NOW(), 1, 0)",  # 1048
        "INSERT INTO venda (chave, emissao, total, troco) VALUES ('a', NOW(), 1, 0), ('a', NOW(), 1, 0)",  # 1062
        "INSERT INTO venda_pagamento (venda_id, forma, valor) VALUES (-1, '01', 1)",  # 1452
    ],
    "value_out_of_range": [
        "INSERT INTO venda (chave, emissao, total, troco) VALUES (REPEAT('9', 45), NOW(), 1, 0)",
        "INSERT INTO venda (chave, emissao, total, troco) VALUES ('9', NOW(), 1e14, 0)",
    ],
}


@pytest.mark.parametrize("statement", ["DO 1", *(one for some in RULES.values() for one in some)])
def test_a_rule_of_the_erps_refuses_one_sale(url: str, opened: Opened, statement: str) -> None:
    only = f"IF JSON_VALUE(d, '$.number') = {DAY[0].number} THEN {statement}; END IF"
    mercadinho.run(url, f"CREATE OR REPLACE PROCEDURE regra(IN d JSON) BEGIN {only}; END")
    outcomes = opened(url, "call regra(:document)").post(postings(DAY[:2]))
    code = next((code for code, some in RULES.items() if statement in some), "")
    expected = (Result.REFUSED, code) if code else (Result.POSTED, "")
    assert (outcomes[0].result, outcomes[0].code) == expected
    assert outcomes[1].result is Result.POSTED


def test_a_procedure_that_is_away_rejects_no_sale(url: str, opened: Opened) -> None:
    outcomes = opened(url, "call nao_existe(:document)").post(postings(DAY[:2]))
    assert [(one.result, one.code) for one in outcomes] == [(Result.WAITS, "erp_call_broken")] * 2
    assert "nao_existe" in outcomes[0].facts["said"]


def test_over_a_ledger_without_transactions_nothing_is_booked(opened: Opened) -> None:
    url = mercadinho.fresh_mariadb_url()
    mercadinho.create_mercadinho(url, DAY)
    erp = opened(url)
    mercadinho.run(url, "ALTER TABLE malote_chave ENGINE=MyISAM", "CREATE TABLE log (i INT) ENGINE=MyISAM")
    error = refused(erp, DAY[0])
    assert (error.code, error.transient) == ("erp_profile_invalid", True)
    assert "malote_chave: MyISAM" in error.detail
    assert [(one.kind, one.table, one.found) for one in erp.faults()] == [
        ("table_untransacted", "log", "MyISAM"),
        ("table_untransacted", "malote_chave", "MyISAM"),
    ]
    mercadinho.run(url, "ALTER TABLE malote_chave ENGINE=InnoDB")
    assert post(erp, DAY[0]) == [Result.POSTED]


def test_two_posters_at_once_book_each_sale_once(url: str, opened: Opened) -> None:
    results: list[Result] = []

    def work(erp: Erp) -> None:
        for start in range(0, len(DAY), 5):
            while True:
                try:
                    results.extend(one.result for one in erp.post(postings(DAY[start : start + 5], first_id=start + 1)))
                    break
                except ErpError as error:
                    if not error.transient:
                        raise
                    time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(opened(url),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [Result.POSTED] * 2 * len(DAY)  # a document that meets its own entry was posted
    assert counts(url) == [len(DAY)] * 2
    left = sum(expected_stock(DAY).values(), Decimal(0))
    assert mercadinho.ask(url, "SELECT -sum(saldo) FROM produto") == [(left,)]


# ---- killed ----


@pytest.mark.processes
def test_killed_before_within_and_after_the_calls(tmp_path: Path, url: str) -> None:
    with open_shop(tmp_path, url, time.time) as shop:
        shop.accept(*DAY)
        shop.accept(*(cancellation(one) for one in DAY[::10]), *DAY[:5])
        for where, at in (("before", 1), ("within", 1), ("after", 1), ("within", 2), ("settled", 1)):
            assert child(shop.store_url, url, where, at, str(mercadinho.PROFILE)) != 0, f"it did not die {where} {at}"

        def finished() -> bool:
            assert child(shop.store_url, url, "never", 0, str(mercadinho.PROFILE)) == 0
            return shop.counted() == {"posted": 49}

        until(finished, seconds=300 + 20 * LEASE_SECONDS)
    assert counts(url) == [len(DAY)] * 2
    assert mercadinho.ask(url, "SELECT count(*) FROM venda WHERE situacao = 'C'") == [(4,)]
    assert taken(url) == expected_stock(one for one in DAY if one not in DAY[::10])
