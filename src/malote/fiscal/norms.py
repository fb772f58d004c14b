"""How a note's total is made up, by the day it was issued. The version of the rules stands on the booked sale.

Certain, from the packaged XSDs (NT 2025.002): ``vNFTot`` is the note's total with IBS, CBS and IS on top of the price,
and stands beside ``vNF``; ``indSomaPISST`` and ``indSomaCOFINSST`` say whether those amounts are part of ``vNF``.
Taken from other projects' notes of the norms, and not read in the original: that until the end of 2026 IBS and CBS stay
out of ``vNF``, and that from 2027 ``vProd`` includes IBS, CBS and IS, which are not added again (NT 2026.008).
"""

from datetime import date
from typing import NamedTuple


class Norm(NamedTuple):
    version: str
    since: date  # the first day of issue, by the document's own clock
    reform_within: bool  # vProd holds IBS, CBS and IS already, and vNFTot is the total where it is there


NORMS = (
    Norm("NT2025.002", date.min, reform_within=False),
    Norm("NT2026.008", date(2027, 1, 1), reform_within=True),
)
_NEWEST_FIRST = NORMS[::-1]
SAT = Norm("CF-e", date.min, reform_within=False)  # the SAT's layout knows no tax reform


def norm_on(day: date) -> Norm:
    """The rules for what is issued on that day."""
    for norm in _NEWEST_FIRST:
        if norm.since <= day:
            return norm
    return NORMS[0]
