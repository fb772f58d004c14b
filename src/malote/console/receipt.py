"""A sale as the receipt that the shopkeeper knows: the printed face of an NFC-e, drawn from what was read."""

from itertools import islice

import msgspec
from lxml import etree

from malote.console import taxpayers

MOST_BYTES = 500_000  # read of a file to find who issued it
_CHUNK = 32_768
_MOST_FIELDS = 100  # of the issuer
_LONGEST = 200  # characters of one


class ReceiptHead(msgspec.Struct, frozen=True):
    """The head of the receipt; empty where the file doesn't say."""

    name: str = ""
    street: str = ""
    town: str = ""
    state_number: str = ""  # inscrição estadual


def issuer_of(content: bytes, position: int) -> ReceiptHead:
    """Of the note at ``position`` in the file, as it names itself."""
    found: list[etree._Element] = []
    parser = etree.XMLPullParser(
        events=("end",), tag="{*}emit", resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    try:
        for start in range(0, min(len(content), MOST_BYTES), _CHUNK):
            parser.feed(content[start : start + _CHUNK])
            found += (element for _, element in parser.read_events() if isinstance(element, etree._Element))
            if len(found) > position:
                break
    except (etree.XMLSyntaxError, ValueError):
        pass  # its head may be whole all the same
    if not found:
        return ReceiptHead()
    texts = {
        etree.QName(each).localname: (each.text or "").strip()[:_LONGEST]
        for each in islice(found[min(position, len(found) - 1)].iter("{*}*"), _MOST_FIELDS)
    }
    return ReceiptHead(
        name=texts.get("xFant") or texts.get("xNome", ""),
        street=" ".join(filter(None, (texts.get("xLgr"), texts.get("nro"), texts.get("xBairro")))),
        town=" ".join(filter(None, (texts.get("xMun"), texts.get("UF")))),
        state_number=texts.get("IE", ""),
    )


def grouped(key: str) -> str:
    """An access key as it is printed, in groups of four."""
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


def masked(consumer: str) -> str:
    """A consumer's number: a company's whole, of any other only the middle, enough to recognise one's own."""
    known = taxpayers.shown(consumer)
    if known != consumer:
        return known
    return f"***{consumer[3:-2]}**" if len(consumer) > 6 else "***"


def wrong_places(codes: set[str]) -> set[str]:
    """Which parts of the receipt a reason is about."""
    about = {
        "items_sum": {"total", "items"},
        "payments_sum": {"payments", "total"},
        "payments_missing": {"payments"},
        "total_missing": {"total"},
        "test_environment": {"environment"},
        "issuer_unknown": {"issuer"},
        "issuer_check_digit": {"issuer"},
        "series_unassigned": {"number"},
        "series_of_another_till": {"number"},
        "series_asked": {"number"},
        "series_owner_awaited": {"number"},
        "folder_shared": {"number"},
        "divergent_content": {"key"},
        "key_check_digit": {"key"},
        "protocol_key_disagrees": {"protocol"},
        "never_authorised": {"protocol"},
    }
    return set().union(*(about.get(code, set()) for code in codes))
