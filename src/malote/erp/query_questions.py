"""What rows of a table ask the ERP by queries of a profile: each question once, all of a query in one statement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from malote.erp.ordinary_tables import Row
from malote.erp.profiles.queries import AMBIGUOUS, ProfileQuery
from malote.erp.records import Records
from malote.erp.targets import ColumnTarget

Asked = tuple[str, tuple[str, ...]]  # a query's name, and the types of what it is given
Answers = Mapping[tuple[str, Any], Any]  # by the query's name and what it was given


def questions(
    targets: Iterable[ColumnTarget], pairs: Sequence[tuple[Row, Row]]
) -> Iterable[tuple[Asked, list[tuple[Any, ...]]]]:
    """By query what it is to be given, for rows by field, each with its sale's."""
    wanted: dict[Asked, dict[tuple[Any, ...], None]] = {}
    for ask in {ask for target in targets for ask in target.compiled.asks}:
        given = wanted.setdefault((ask.name, ask.types), {})
        given.update(dict.fromkeys(ask.given(fields, sale) for fields, sale in pairs))
    return ((asked, list(given)) for asked, given in wanted.items())


def answered(records: Records, query: ProfileQuery, asked: Asked, given: Sequence[tuple[Any, ...]]) -> Answers:
    """What was found, of what anything was found for. Raises ``ErpError``."""
    name, types = asked
    answers: dict[tuple[str, Any], Any] = {}
    for place, value in records.ask(name, query, types, given):
        key = name, given[place]
        answers[key] = AMBIGUOUS if answers.get(key, value) != value else value
    return answers
