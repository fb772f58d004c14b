"""What the ERP's queries give today, asked only of sales that have something else than what they gave at the booking.

Who merges two products gives the rows of the one the other's number: a row that has what the query gives for it now is
as good as one that has what it gave then. Nothing may be written by asking, and nothing drawn: a query that does is not
asked, and its answers stay what they were.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from malote.erp import ordinary
from malote.erp.looked_up import may_write
from malote.erp.ordinary_tables import Row
from malote.erp.plain_text import plainly
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.profiles.queries import ANSWERS, UnansweredError
from malote.erp.protocol import READ_ONLY, ErpError
from malote.erp.query_questions import Asked, answered, questions
from malote.erp.records import Records
from malote.erp.targets import ColumnTarget
from malote.erp.values import OutOfRangeError


class LookupsNow:
    """Within one open transaction."""

    def __init__(self, engine: ordinary.Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._known: dict[tuple[str, Any], Any] = {}
        self._asked: set[tuple[str, Any]] = set()

    def values(self, target: ColumnTarget, pairs: Sequence[tuple[Row, Row]]) -> list[str | None]:
        """What would be written into this column today, in the words of SQL; None where that can't be told. Raises
        ``ErpError`` for what passes."""
        for asked, given in questions([target], pairs):
            fresh = [one for one in given if (asked[0], one) not in self._asked]
            self._asked |= {(asked[0], one) for one in fresh}
            if fresh:
                self._ask(asked, fresh)
        write = plainly(target.compiled.shape)
        return [self._value(target, write, fields, sale) for fields, sale in pairs]

    def _value(self, target: ColumnTarget, write: Any, fields: Row, sale: Row) -> str | None:
        try:
            return write(target.compiled.value({**fields, ANSWERS: self._known}, sale)) or None
        except (UnansweredError, OutOfRangeError, UnmappedError):
            return None

    def _ask(self, asked: Asked, given: list[tuple[Any, ...]]) -> None:
        query = self._engine.tables.profile.query[asked[0]]
        if may_write(query, kept_from_it=self._engine.tries_read_only):
            return

        def work(records: Records) -> None:
            self._known |= answered(records, query, asked, given)

        try:
            self._engine.try_out(self._connection, work)
        except ErpError as error:
            if error.transient and error.code != READ_ONLY:
                raise
