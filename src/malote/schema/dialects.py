"""What engines spell differently: types, defaults, conditions. Nothing here knows a driver."""

import re
from typing import Protocol

from malote.schema.definition import Column

_CAST = re.compile(r"::[a-z_ ]+(\(\d+(,\d+)?\))?")


class Dialect(Protocol):
    """One engine's spelling."""

    name: str
    # Whether statements run one by one beside others' work, or all of them in one transaction.
    online: bool

    def type_of(self, portable: str) -> str: ...

    def fits(self, portable: str, found: str) -> bool:
        """Whether a column of the type ``found`` holds all that the portable type may."""
        ...

    def default_of(self, constant: str) -> str: ...

    def can_add(self, column: Column) -> bool:
        """Whether the column can be added to a table that holds rows, at once and without a lie in them."""
        ...


def quoted(name: str) -> str:
    """A name for a statement. Names come from a structure that was checked, or from the database itself."""
    return '"' + name.replace('"', '""') + '"'


def same_text(wanted: str, found: str) -> bool:
    """Whether two defaults or conditions say the same, whatever the casts, brackets and spaces around them."""
    return _bare(wanted) == _bare(found)


def _bare(expression: str) -> str:
    plain = _CAST.sub("", expression.lower())
    return re.sub(r"[()\s\"]", "", plain)
