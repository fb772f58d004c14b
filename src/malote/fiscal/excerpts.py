"""A document without most of what repeats: small enough for any advice, however large a stranger made it."""

from collections import Counter
from itertools import islice
from typing import cast

from lxml import etree

from malote.fiscal.tree import LOCAL_NAMES

MOST_ALIKE = 50  # children of one name that are kept, the first
MOST_CHILDREN = 200  # kept of one element
MOST_LOOKED_AT = 2000  # children of one element, 990 items among them
MOST_ELEMENTS = 10_000
MOST_ATTRIBUTES = 20
LONGEST_TEXT = 4000  # characters
DEEPEST = 64
LAST_LINE = 65_535  # that a parser counts to


def excerpt_of(root: etree._Element) -> etree._Element | None:
    """A copy that keeps order, names and line numbers, with the parts that repeat only at their beginning.

    None where an element has more children than any document: what would be missing behind them is not known.
    """
    copied = _copy(root, None)
    left = MOST_ELEMENTS
    waiting = [(root, copied, 0)]
    while waiting:
        source, target, depth = waiting.pop()
        children = [*islice(source, MOST_LOOKED_AT + 1)]
        if len(children) > MOST_LOOKED_AT or depth > DEEPEST:
            return None
        kept = _first_of_each(children)[: max(0, left)]
        left -= len(kept)
        waiting += reversed([(child, _copy(child, target), depth + 1) for child in kept])
    return copied


def _first_of_each(children: list[etree._Element]) -> list[etree._Element]:
    seen: Counter[str] = Counter()
    kept: list[etree._Element] = []
    for child in children:
        seen[LOCAL_NAMES[child.tag]] += 1
        if seen[LOCAL_NAMES[child.tag]] <= MOST_ALIKE:
            kept.append(child)
            if len(kept) == MOST_CHILDREN:
                break
    return kept


def _copy(source: etree._Element, parent: etree._Element | None) -> etree._Element:
    # Without prefixes, which the places of findings could not be looked up by.
    namespace = source.tag[1:].partition("}")[0] if source.tag.startswith("{") else ""
    known = cast(dict[str, str], {None: namespace} if namespace else {})  # the stubs know no default namespace
    copied = (
        etree.Element(source.tag, nsmap=known) if parent is None else etree.SubElement(parent, source.tag, nsmap=known)
    )
    # By names: to ask for all values at once costs the square of their number.
    for name in islice(source.attrib, MOST_ATTRIBUTES):
        copied.set(name, source.get(name, "")[:LONGEST_TEXT])
    if source.text is not None:
        copied.text = source.text[:LONGEST_TEXT]
    copied.sourceline = min(cast(int, source.sourceline), LAST_LINE)  # type: ignore[assignment]  # of the stubs
    return copied
