"""Methods of payment (tPag, and cMP of a CF-e): two digits, of which the authority adds new ones now and then."""

import re
from collections.abc import Sequence

from malote.fiscal.findings import named
from malote.fiscal.problems import Problem, reject, warning

_METHOD = re.compile("[0-9]{2}")
# NT 2020.006, NT 2023.004 and IT 2024.002; 23, 24 and 91 are taken from other projects' notes.
_KNOWN = frozenset(f"{code:02}" for code in (*range(1, 6), *range(10, 25), 90, 91, 99))


def check_methods(methods: Sequence[str], field: str, problems: list[Problem]) -> bool:
    """Whether all are methods, known or not. Adds the first that is none, and those that nobody here knows."""
    unknown = set(methods) - _KNOWN
    if not unknown:
        return True
    wrong = next((method for method in methods if _METHOD.fullmatch(method) is None), None)
    if wrong is not None:
        problems.append(reject("payment_method_invalid", field=field, found=named(wrong)))
        return False
    problems.append(warning("payment_method_unknown", field=field, found=", ".join(sorted(unknown))))
    return True
