"""Access keys out of the ERP's own tables, by a query that somebody wrote: read as they come, and nothing changes."""

from collections.abc import Iterator

from sqlalchemy import text

from malote.erp.connecting import classified
from malote.erp.protocol import Erp

_STEP = 5000  # rows in memory


def rows_of(erp: Erp, sql: str) -> Iterator[list[str]]:
    """What one SELECT returns, as texts. The database itself keeps it from writing anything.

    ``erp`` is busy until the last row was read. Raises ``ErpError``.
    """
    # A colon is a cast here, or within a text; never a value to be given.
    statement = text(sql.replace("\\", "\\\\").replace(":", "\\:"))
    with classified(), erp.read_only() as connection:
        found = connection.execution_options(stream_results=True, yield_per=_STEP).execute(statement)
        for row in found:
            yield ["" if cell is None else str(cell) for cell in row]
