"""What arrives as no sale, and whose key is booked as one: it isn't kept in silence, a person is asked."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Engine

from malote.fiscal.cfops import NO_SALE
from malote.fiscal.documents import Sale
from malote.fiscal.sefaz_answers import NO_SALE_REASON
from malote.spool.documents import IncomingDocument, Reason
from malote.spool.no_sale_versions import booked_otherwise

Arriving = Mapping[bytes, list[IncomingDocument]]  # by the hash of their file


def beside_booked(engine: Engine, arriving: Arriving) -> dict[bytes, list[IncomingDocument]]:
    """The same, where an authorised note that is no sale, and of which another version is booked, is rejected. Raises
    ``StoreError``."""
    none = {sale.access_key: sale for read in arriving.values() for one in read if (sale := _no_sale(one)) is not None}
    booked = booked_otherwise(engine, none) if none else set()
    if not booked:
        return dict(arriving)
    return {sha256: [_asked(one) if _of(one, booked) else one for one in read] for sha256, read in arriving.items()}


def _no_sale(one: IncomingDocument) -> Sale | None:
    sale = one.document
    kept = one.state == "kept" and one.reason is not None and one.reason.code in NO_SALE
    return sale if kept and isinstance(sale, Sale) and sale.authorised else None


def _of(one: IncomingDocument, booked: set[str]) -> bool:
    sale = _no_sale(one)
    return sale is not None and sale.access_key in booked


def _asked(one: IncomingDocument) -> IncomingDocument:
    assert one.reason is not None  # noqa: S101 what is kept has its reason
    facts = {"cfop": one.reason.facts.get("cfop", ""), "key": one.access_key or ""}
    return msgspec.structs.replace(one, state="rejected", reason=Reason(NO_SALE_REASON, facts, one.reason.problems))
