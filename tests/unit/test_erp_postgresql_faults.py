"""What PostgreSQL's codes mean for a sale: whose trouble it is, and whether it waits."""

from types import SimpleNamespace

import psycopg
import psycopg.errors
import pytest

from malote.erp.faults import classify
from malote.findings.store_wide import STORE_WIDE


@pytest.mark.parametrize(
    ("state", "code", "waits"),
    [
        ("08006", "erp_away", True),
        ("57P01", "erp_away", True),
        ("57P03", "erp_not_ready", True),  # starting up
        ("57P05", "erp_away", True),  # an idle session that the server ended
        ("58030", "erp_away", True),
        ("53200", "erp_away", True),
        ("25006", "erp_read_only", True),  # a standby, or a user or a database that may only read
        ("25001", "erp_refused", False),
        ("53300", "erp_crowded", True),
        ("53400", "erp_away", True),
        ("53100", "erp_full", True),
        ("3D000", "erp_database_refused", True),
        ("28P01", "erp_refused_login", True),
        ("28000", "erp_refused_login", True),
        ("42501", "erp_privilege", True),
        ("57014", "erp_slow", True),
        ("25P03", "erp_slow", True),  # the DBA's limit for a session that is idle in its transaction
        ("25P04", "erp_slow", True),  # and for a whole transaction
        ("55P03", "erp_locked", True),
        ("55006", "erp_conflict", True),
        ("40001", "erp_conflict", True),
        ("40P01", "erp_conflict", True),
        ("XX001", "erp_damaged", True),
        ("42P01", "structure_outdated", False),
        ("42883", "structure_outdated", False),
        ("23503", "erp_constraint", False),
        ("22021", "erp_unencodable", False),
        ("22001", "value_out_of_range", False),
        ("22003", "value_out_of_range", False),
        ("22P02", "value_out_of_range", False),
        ("22008", "value_out_of_range", False),
        ("22012", "erp_refused", False),  # division by zero: no value of a document is too large
        ("22004", "erp_refused", False),
        ("22023", "erp_refused", False),
        ("P0001", "erp_refused", False),
        ("XX000", "erp_refused", False),
    ],
)
def test_every_state_has_its_code(state: str, code: str, waits: bool) -> None:
    error = classify(psycopg.errors.lookup(state)("words with 52998224725"), "sale_item")
    assert (error.code, error.transient) == (code, waits)
    assert error.detail == f"sale_item, {state}"
    assert "52998224725" not in f"{error} {error.facts}"


STOPS_ALL = [
    "erp_read_only",
    "erp_crowded",
    "erp_database_refused",
    "erp_refused_login",
    "erp_not_ready",
    "erp_host_refused",
]


@pytest.mark.parametrize("code", STOPS_ALL)
def test_what_stops_all_sales_is_told_of_the_whole_store(code: str) -> None:
    assert code in STORE_WIDE


class NoSessionError(psycopg.OperationalError):
    """As the driver raises it where none came about: the server's words alone, in the server's language."""

    pgconn = SimpleNamespace(user=b"caixa", db=b"loja", needs_password=False)  # type: ignore[assignment, unused-ignore]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('FATAL:  password authentication failed for user "caixa"', "erp_refused_login"),
        ('FATAL:  autenticação do tipo senha falhou para usuário "caixa"', "erp_refused_login"),
        ("FATAL:  la base de données « loja » n'existe pas", "erp_database_refused"),
        ('FATAL:  permission denied for database "loja" DETAIL:  User does not have CONNECT', "erp_database_refused"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "caixa", database "loja"', "erp_host_refused"),
        ('FATAL:  nenhuma entrada no pg_hba.conf para "10.0.0.9", usuário "caixa"', "erp_host_refused"),
        ("FATAL:  sorry, too many clients already", "erp_crowded"),
        ("FATAL:  desculpe, muitos clientes conectados", "erp_crowded"),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "erp_crowded"),
        ('FATAL:  too many connections for role "caixa"', "erp_crowded"),
        ("FATAL:  the database system is starting up", "erp_not_ready"),
        ("FATAL:  o sistema de banco de dados está desligando", "erp_not_ready"),
        ("FATAL:  la base se está iniciando", "erp_away"),
        ('connection to server at "loja" failed: Connection refused', "erp_away"),
    ],
)
def test_what_is_said_before_a_session_exists_is_told_by_whose_name_it_has(words: str, code: str) -> None:
    told = classify(NoSessionError(f"connection failed: {words}"))
    assert (told.code, told.transient) == (code, True)
    assert words.split()[-1] in told.detail
