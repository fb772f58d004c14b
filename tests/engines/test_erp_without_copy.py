"""Tables of ordinary design that COPY can't write: views without a trigger of their own, row-level security."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import make_url

from malote.erp.protocol import Result
from tests.engines.erp_support import post
from tests.engines.ordinary_support import open_ordinary
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import cancellation, posting, sale
from tests.engines.test_erp_columns_of_sale import PROFILE, SCRIPT

# What is sold and what comes back are rows of one table, each seen through a view of its own.
VIEWED = (
    PROFILE.replace('table = "venda"', 'table = "vendida"')
    + """
[cancellation]
table = "devolvida"
[cancellation.columns]
chave = "concat('-', access_key)"
loja = "sale.issuer"
cupom = "negate(sale.number)"
liquido = "cents(negate(sale.total))"
"""
)
MORE = """
alter table venda alter dinheiro set default 0, alter cartao set default 0, alter outros set default 0, alter troco set
 default 0, alter itens set default 0, alter cancelada set default 0;
create view vendida as select * from venda where liquido >= 0;
create view devolvida as select chave, loja, cupom, liquido from venda where liquido < 0;
alter table venda_item enable row level security;
create policy todas on venda_item using (loja <> 'x') with check (loja <> 'x');
"""


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    with psycopg.connect(made, autocommit=True) as owner:
        owner.execute(SCRIPT.encode() + MORE.encode())
        owner.execute("create role malote_without_copy login")
        owner.execute("grant create, usage on schema public to malote_without_copy")
        owner.execute("grant all on venda, venda_item, vendida, devolvida to malote_without_copy")
    yield make_url(made).set(username="malote_without_copy").render_as_string(hide_password=False)
    with psycopg.connect(made, autocommit=True) as owner:
        owner.execute("drop owned by malote_without_copy")
        owner.execute("drop role malote_without_copy")
    discard_postgresql(made)


@pytest.mark.postgresql
def test_they_are_written_row_by_row_instead(url: str) -> None:
    first = sale(1)
    with closing(open_ordinary(url, VIEWED)) as erp:
        erp.create_structure()
        assert post(erp, first, sale(2)) == [Result.POSTED] * 2
        assert post(erp, cancellation(first), first_id=9) == [Result.POSTED]
        assert erp.departures([posting(first)], {first.access_key}) == {}
    with psycopg.connect(url) as there:
        cents = first.totals.total
        assert there.execute("select count(*) from venda_item").fetchone() == (2,)
        assert there.execute("select cupom, liquido from venda order by cupom").fetchall()[0] == (-1, -cents)
