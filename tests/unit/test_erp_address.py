"""The ERP's address: its password is in no message and in no log line."""

import pytest
from sqlalchemy import make_url

from malote.erp.address import masked, parsed, secrets_of, without
from malote.erp.protocol import ErpError

SECRET = "pa55w0rd"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://u:{SECRET}@h:5432/d", "postgresql://u:***@h:5432/d"),
        (f"oracle+oracledb://u:{SECRET}@h:1521/?service_name=x", "oracle+oracledb://u:***@h:1521/?service_name=x"),
        (f"postgresql://u@h/d?password={SECRET}", "postgresql://u@h/d?password=%2A%2A%2A"),
        (f"postgresql://u@h/d?sslpassword={SECRET}", "postgresql://u@h/d?sslpassword=%2A%2A%2A"),
        (f"oracle://u@h/?wallet_password={SECRET}", "oracle://u@h/?wallet_password=%2A%2A%2A"),
        ("postgresql://u@h/d?application_name=x", "postgresql://u@h/d?application_name=x"),
        ("sqlite:////var/lib/erp.sqlite3", "sqlite:////var/lib/erp.sqlite3"),
        (f"u:{SECRET}@h", "***"),
        (f"postgresql://u:1/{SECRET}@h:x/d", "***"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert masked(url) == shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    "url", [f"u:{SECRET}@h", f"postgresql://u:1/{SECRET}@h:x/d", f"postgresql://u@h:{SECRET}/d", ""]
)
def test_an_impossible_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ErpError) as refused:
        parsed(url)
    assert refused.value.code == "erp_address_invalid"
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_drivers_words_lose_every_secret_of_the_address() -> None:
    secrets = secrets_of(make_url(f"postgresql://u:{SECRET}@h/d?sslpassword=other{SECRET}&x=1"))
    assert without(secrets, f"no route to other{SECRET} nor {SECRET}@h") == "no route to *** nor ***@h"
    assert without((), "as it is") == "as it is"
