"""Which of the retailer's own rules hold at tills, with weight and words of each (books/rules keeps them)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from malote.database.chunks import chunks
from malote.database.rule_tables import own_rule, own_rule_finding
from malote.findings.kinds import Finding, finding_of

CODE = "own_rule"


def by_till(connection: Connection, rows: Sequence[Any]) -> dict[int, list[Finding]]:
    """Of these tills (rows of ``finding_counts``), one for each rule that holds and that nobody answered for."""
    names = {row.id: row.name for row in rows if row.rules}
    found: dict[int, list[Finding]] = defaultdict(list)
    for some in chunks(sorted(names)):
        for row in connection.execute(_OPEN.where(own_rule_finding.c.till_id.in_(some))):
            facts = {"rule": row.name, "text": row.text, "text_en": row.text_en or row.text}
            one = finding_of(
                "rules",
                names[row.till_id],
                f"{CODE}:{row.name}",
                count=int(row[5]),
                value=int(row[6]),
                since=row[7],
                facts=facts,
                weight=row.weight,
            )
            found[row.till_id].append(one)
    return found


_RULE = (own_rule.c.name, own_rule.c.text, own_rule.c.text_en, own_rule.c.weight)
_OPEN = (
    select(
        own_rule_finding.c.till_id,
        *_RULE,
        func.count(),
        func.sum(own_rule_finding.c.total),
        func.min(own_rule_finding.c.found_at),
    )
    .join_from(own_rule_finding, own_rule, own_rule.c.name == own_rule_finding.c.rule)
    .where(own_rule_finding.c.accepted_at.is_(None))
    .group_by(own_rule_finding.c.till_id, *_RULE)
)
