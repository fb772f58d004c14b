"""Sales through an ERP's own procedure on a real MariaDB: each once, to the cent; every fault told apart."""

import threading
from pathlib import Path

import msgspec
import pytest

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import load
from malote.erp.protocol import Erp, ErpError, Result
from malote.fiscal.documents import Document
from tests.engines import mariadb_support as mercadinho
from tests.engines.classico import expected_stock, money
from tests.engines.erp_support import post
from tests.engines.mariadb_sales import DAY, Opened, counts, taken
from tests.engines.posting_support import until
from tests.engines.sales import cancellation, contingency, item, postings, protocol, sale

pytest_plugins = ["tests.engines.mariadb_fixtures"]

UNKNOWN = sale(500, items=[item(1, product="SEM-CADASTRO")])


def refused(mercadinho_erp: Erp, *documents: object) -> ErpError:
    with pytest.raises(ErpError) as told:
        mercadinho_erp.post(postings(documents))  # type: ignore[arg-type]
    return told.value


# ---- a day ----


def test_the_manual_shows_what_is_run_here() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "erp-profiles.md").read_text(encoding="utf-8")
    assert mercadinho.PROFILE.read_text(encoding="utf-8") in manual
    script = (mercadinho.FOLDER / "mercadinho.sql").read_text(encoding="utf-8")
    procedures = [one.strip() for one in script.split("//") if "CREATE PROCEDURE" in one]
    assert len(procedures) == 3
    assert all(one in manual for one in procedures)


def test_a_day_stands_in_the_erp_as_it_was_sold(mercadinho_erp: Erp, mercadinho_url: str) -> None:
    gone = DAY[::7]
    found = [one.result for one in mercadinho_erp.post(postings([*DAY, *map(cancellation, gone), *DAY[:5]]))]
    assert found == [Result.POSTED] * (len(DAY) + len(gone)) + [Result.DUPLICATE] * 5
    cancelled = {one.access_key for one in gone}
    header = "SELECT chave, emissao, total, troco, protocolo, situacao FROM venda ORDER BY chave"
    assert mercadinho.ask(mercadinho_url, header) == [
        (
            *(one.access_key, one.issued_at.replace(tzinfo=None), money(one.totals.total), money(one.change)),
            *(one.protocol.number if one.protocol else None, "C" if one.access_key in cancelled else "A"),
        )
        for one in sorted(DAY, key=lambda one: one.access_key)
    ]
    paid = sum(each.amount for one in DAY for each in one.payments)
    assert mercadinho.ask(mercadinho_url, "SELECT sum(valor) FROM venda_pagamento") == [(money(paid),)]
    assert taken(mercadinho_url) == expected_stock(one for one in DAY if one not in gone)
    named = "SELECT count(*) FROM venda v JOIN malote_sale m ON m.access_key = v.chave AND m.erp_id = v.id"
    assert mercadinho.ask(mercadinho_url, named) == [(len(DAY),)]
    assert sorted(one.access_key for one in mercadinho_erp.booked() if one.cancelled) == sorted(cancelled)
    assert {one.issued_at for one in mercadinho_erp.booked()} == {one.issued_at for one in DAY}


def test_what_the_erp_refuses_or_wants_later_stands_alone(mercadinho_erp: Erp, mercadinho_url: str) -> None:
    mercadinho.run(
        mercadinho_url,
        f"""CREATE TRIGGER espera BEFORE INSERT ON venda FOR EACH ROW IF new.chave = '{DAY[1].access_key}'
            THEN SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'caixa ainda fechado'; END IF""",
    )
    outcomes = mercadinho_erp.post(postings([DAY[0], UNKNOWN, DAY[1], DAY[2]]))
    assert [one.result for one in outcomes] == [Result.POSTED, Result.REFUSED, Result.WAITS, Result.POSTED]
    assert (outcomes[1].code, outcomes[1].facts["said"]) == ("erp_refused", "produto sem cadastro: SEM-CADASTRO")
    assert (outcomes[2].code, outcomes[2].facts["said"]) == ("erp_says_wait", "caixa ainda fechado")
    assert counts(mercadinho_url) == [2, 2]
    assert mercadinho_erp.ledger([UNKNOWN.access_key, DAY[1].access_key]) == {}


def test_one_call_for_each_sale_and_the_errors_of_the_erp(mercadinho_url: str, open_mercadinho: Opened) -> None:
    mercadinho.run(
        mercadinho_url, "CREATE OR REPLACE PROCEDURE uma(IN d JSON) BEGIN CALL importar_venda(d, @n); SELECT @n; END"
    )
    mercadinho_erp = open_mercadinho(mercadinho_url, "call uma(:document)")
    outcomes = mercadinho_erp.post(postings([DAY[0], UNKNOWN, DAY[1]]))
    assert [one.result for one in outcomes] == [Result.POSTED, Result.REFUSED, Result.POSTED]
    assert outcomes[1].code == "erp_refused"
    assert outcomes[1].facts | {"said": "produto sem cadastro: SEM-CADASTRO", "sqlstate": "45000"} == outcomes[1].facts
    assert counts(mercadinho_url) == [2, 2]
    assert post(mercadinho_erp, cancellation(DAY[1]), first_id=9) == [Result.POSTED]
    assert mercadinho.ask(mercadinho_url, "SELECT situacao FROM venda ORDER BY id") == [("A",), ("C",)]


def test_a_protocol_that_comes_later_reaches_the_erp(mercadinho_erp: Erp, mercadinho_url: str) -> None:
    offline = contingency(700, items=DAY[0].items)
    assert post(mercadinho_erp, offline) == [Result.POSTED]
    authorised = msgspec.structs.replace(offline, protocol=protocol(700))
    assert post(mercadinho_erp, authorised, first_id=2) == [Result.PROTOCOL_ADDED]
    assert mercadinho.ask(mercadinho_url, "SELECT protocolo FROM venda") == [(protocol(700).number,)]


def test_an_error_behind_the_answer_is_heard(mercadinho_url: str, open_mercadinho: Opened) -> None:
    """A procedure gives its rows first and fails then."""
    body = "SELECT 7 AS id; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'tarde demais'; END"
    mercadinho.run(mercadinho_url, f"CREATE OR REPLACE PROCEDURE tarde(IN d JSON) BEGIN {body}")
    outcome = open_mercadinho(mercadinho_url, "call tarde(:document)").post(postings([DAY[0]]))[0]
    assert (outcome.result, outcome.facts["said"]) == (Result.REFUSED, "tarde demais")
    assert counts(mercadinho_url) == [0, 0]


# ---- the transaction is nobody's but Malote's ----


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK", "START TRANSACTION", "CREATE TABLE outra (i INT)"])
def test_a_procedure_that_ends_the_transaction_books_nothing_and_rejects_nobody(
    mercadinho_url: str, open_mercadinho: Opened, ending: str
) -> None:
    body = f"CALL importar_venda(d, @n); {ending}; SELECT @n; END"
    mercadinho.run(mercadinho_url, f"CREATE OR REPLACE PROCEDURE fecha(IN d JSON) BEGIN {body}")
    outcomes = open_mercadinho(mercadinho_url, "call fecha(:document)").post(postings(DAY[:2]))
    assert [(one.result, one.code) for one in outcomes] == [(Result.WAITS, "erp_call_broken")] * 2
    assert "COMMIT" in outcomes[0].facts["detail"]
    assert counts(mercadinho_url) == [0, 0]
    assert mercadinho.ask(mercadinho_url, "SELECT count(*) FROM malote_chave WHERE identity REGEXP '^[0-9]'") == [(0,)]


@pytest.mark.parametrize("swallowed", [True, False])
def test_a_deadlock_is_tried_again_or_said_whoever_swallows_it(
    mercadinho_url: str, open_mercadinho: Opened, swallowed: bool
) -> None:
    """The server took everything back, and a handler of the ERP's goes on to say "refused"."""
    handler = "DECLARE EXIT HANDLER FOR SQLEXCEPTION SELECT 'refused' AS answer;" if swallowed else ""
    touched = "".join(f"UPDATE produto SET saldo = saldo WHERE id = {number};" for number in (2, 1))
    mercadinho.run(mercadinho_url, f"CREATE OR REPLACE PROCEDURE engole(IN d JSON) BEGIN {handler} {touched} END")
    mercadinho_erp = open_mercadinho(
        mercadinho_url, "call engole(:document)", lock_timeout_seconds=60, statement_timeout_seconds=60
    )
    told: list[object] = []
    with mercadinho.connected(mercadinho_url, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # locks no row but those it changes
        # The heavier transaction is not the one that is taken back.
        cursor.execute("UPDATE produto SET saldo = saldo + 1 WHERE id <> 2")
        waiting = threading.Thread(target=lambda: told.append(said(mercadinho_erp, DAY[0])))
        waiting.start()
        until(lambda: _waits(mercadinho_url), seconds=60)
        cursor.execute("UPDATE produto SET saldo = saldo + 1 WHERE id = 2")
        other.rollback()
        waiting.join()
    assert told == ["erp_conflict" if swallowed else Result.POSTED]
    assert len(mercadinho_erp.ledger([DAY[0].access_key])) == (0 if swallowed else 1)


def said(mercadinho_erp: Erp, document: Document) -> object:
    try:
        return post(mercadinho_erp, document)[0]
    except ErpError as error:
        return error.code


def _waits(mercadinho_url: str) -> bool:
    return bool(
        mercadinho.ask(mercadinho_url, "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
    )


# ---- faults, told apart ----


def test_a_lock_of_somebody_elses_lets_all_wait(mercadinho_url: str, open_mercadinho: Opened) -> None:
    mercadinho_erp = open_mercadinho(mercadinho_url, lock_timeout_seconds=1)
    with mercadinho.connected(mercadinho_url, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("SELECT * FROM produto FOR UPDATE")
        error = refused(mercadinho_erp, DAY[0])
    assert (error.code, error.transient) == ("erp_locked", True)
    assert "1205" in error.detail
    assert post(mercadinho_erp, DAY[0]) == [Result.POSTED]


def test_a_statement_that_takes_too_long(mercadinho_url: str, open_mercadinho: Opened) -> None:
    mercadinho.run(
        mercadinho_url, "CREATE OR REPLACE PROCEDURE dorme(IN d JSON) BEGIN WHILE TRUE DO SET @n = 1; END WHILE; END"
    )
    error = refused(open_mercadinho(mercadinho_url, "call dorme(:document)", statement_timeout_seconds=0.5), DAY[0])
    assert (error.code, error.transient) == ("erp_slow", True)


def test_what_the_server_does_not_end_itself_is_ended(
    mercadinho_url: str, open_mercadinho: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a loop the server may lose its own limit; the session would hold the ledger's rows for ever."""
    monkeypatch.setattr("malote.erp.mariadb.session_limits.LIMIT", "DO {seconds}")
    monkeypatch.setattr("malote.erp.mariadb.engine.SPARE_SECONDS", 0.0)
    mercadinho.run(
        mercadinho_url, "CREATE OR REPLACE PROCEDURE dorme(IN d JSON) BEGIN WHILE TRUE DO SET @n = 1; END WHILE; END"
    )
    mercadinho_erp = open_mercadinho(
        mercadinho_url, "call dorme(:document)", statement_timeout_seconds=1, lock_timeout_seconds=1
    )
    error = refused(mercadinho_erp, DAY[0])
    assert (error.code, error.transient) == ("erp_slow", True)
    running = "SELECT 1 FROM information_schema.processlist WHERE info LIKE '%@n = 1%' AND id <> CONNECTION_ID()"
    until(lambda: not mercadinho.ask(mercadinho_url, running), seconds=60)
    mercadinho.run(
        mercadinho_url, "CREATE OR REPLACE PROCEDURE dorme(IN d JSON) BEGIN CALL importar_venda(d, @n); SELECT @n; END"
    )
    assert post(mercadinho_erp, DAY[0]) == [Result.POSTED]


def test_a_session_that_is_ended_and_a_server_that_is_away(mercadinho_url: str, open_mercadinho: Opened) -> None:
    mercadinho.run(
        mercadinho_url, "CREATE OR REPLACE PROCEDURE morre(IN d JSON) BEGIN KILL CONNECTION_ID(); DO SLEEP(5); END"
    )
    mercadinho_erp = open_mercadinho(mercadinho_url, "call morre(:document)")
    error = refused(mercadinho_erp, DAY[0])
    assert (error.code, error.transient) == ("erp_away", True)
    mercadinho.run(
        mercadinho_url, "CREATE OR REPLACE PROCEDURE morre(IN d JSON) BEGIN CALL importar_venda(d, @n); SELECT @n; END"
    )
    assert post(mercadinho_erp, DAY[0]) == [Result.POSTED]  # over a new connection
    nowhere = open_erp("mysql://root:secret@127.0.0.1:1/x", lock_timeout_seconds=1)
    error = refused(nowhere, DAY[0])
    assert (error.code, error.transient) == ("erp_away", True)
    assert "secret" not in f"{error} {error.detail} {error.facts}"


def test_a_wrong_password_and_a_missing_privilege(mercadinho_url: str) -> None:
    mercadinho.run(
        mercadinho_url,
        "CREATE OR REPLACE USER caixa@'%' IDENTIFIED BY 'certa'",
        "GRANT SELECT ON *.* TO caixa@'%'",
    )
    tables = ErpTables(load(str(mercadinho.PROFILE)))
    for password, code in (("errada", "erp_refused_login"), ("certa", "erp_privilege")):
        mercadinho_erp = open_erp(
            mercadinho_url.replace("root", f"caixa:{password}"), lock_timeout_seconds=1, tables=tables
        )
        error = refused(mercadinho_erp, DAY[0])
        assert (error.code, error.transient) == (code, True)
        mercadinho_erp.close()


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
def test_a_rule_of_the_erps_refuses_one_sale(mercadinho_url: str, open_mercadinho: Opened, statement: str) -> None:
    only = f"IF JSON_VALUE(d, '$.number') = {DAY[0].number} THEN {statement}; END IF"
    mercadinho.run(mercadinho_url, f"CREATE OR REPLACE PROCEDURE regra(IN d JSON) BEGIN {only}; END")
    outcomes = open_mercadinho(mercadinho_url, "call regra(:document)").post(postings(DAY[:2]))
    code = next((code for code, some in RULES.items() if statement in some), "")
    expected = (Result.REFUSED, code) if code else (Result.POSTED, "")
    assert (outcomes[0].result, outcomes[0].code) == expected
    assert outcomes[1].result is Result.POSTED


def test_a_procedure_that_is_away_rejects_no_sale(mercadinho_url: str, open_mercadinho: Opened) -> None:
    outcomes = open_mercadinho(mercadinho_url, "call nao_existe(:document)").post(postings(DAY[:2]))
    assert [(one.result, one.code) for one in outcomes] == [(Result.WAITS, "erp_call_broken")] * 2
    assert "nao_existe" in outcomes[0].facts["said"]


def test_over_a_ledger_without_transactions_nothing_is_booked(open_mercadinho: Opened) -> None:
    mercadinho_url = mercadinho.fresh_mariadb_url()
    mercadinho.create_mercadinho(mercadinho_url, DAY)
    mercadinho_erp = open_mercadinho(mercadinho_url)
    mercadinho.run(mercadinho_url, "ALTER TABLE malote_chave ENGINE=MyISAM", "CREATE TABLE log (i INT) ENGINE=MyISAM")
    error = refused(mercadinho_erp, DAY[0])
    assert (error.code, error.transient) == ("erp_profile_invalid", True)
    assert "malote_chave: MyISAM" in error.detail
    assert [(one.kind, one.table, one.found) for one in mercadinho_erp.faults()] == [
        ("table_untransacted", "log", "MyISAM"),
        ("table_untransacted", "malote_chave", "MyISAM"),
    ]
    mercadinho.run(mercadinho_url, "ALTER TABLE malote_chave ENGINE=InnoDB")
    assert post(mercadinho_erp, DAY[0]) == [Result.POSTED]
