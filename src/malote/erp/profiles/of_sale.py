"""What a sale's columns may have of its payments and lines, where an ERP keeps no rows of them: ``paid('01', '17')``,
``paid_but('01', '17')``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from malote.erp.profiles.compiled_expression import Compiled, ExpressionNames, Row
from malote.erp.profiles.shapes import Shape
from malote.erp.profiles.syntax import Call, Constant, ExpressionError, Field

PAID = "payments"  # in a sale's row: cents by method. Nothing but the functions reads it
ITEM_COUNT = "item_count"

_Chosen = Callable[[str, Sequence[str]], bool]
FUNCTIONS: Mapping[str, _Chosen] = {
    "paid": lambda method, methods: method in methods,
    "paid_but": lambda method, methods: method not in methods,
}


def paid(call: Call, around: ExpressionNames) -> Compiled:
    """The sum of what was paid by some methods (tPag), or by all others. Raises ``ExpressionError``."""
    if PAID not in around.row:
        raise ExpressionError(f"{call.function} is for columns of a sale where there is [state]")
    methods = [one.value for one in call.arguments if isinstance(one, Constant) and isinstance(one.value, str)]
    if not methods or len(methods) != len(call.arguments) or any(len(one) != 2 for one in methods):
        raise ExpressionError(f"{call.function} takes methods of payment, each quoted and of two characters")
    chosen = FUNCTIONS[call.function]

    def value(row: Row, sale: Row) -> Any:
        return sum(cents for method, cents in row[PAID].items() if chosen(method, methods))

    return Compiled(Shape("money"), value, frozenset([Field(PAID)]))
