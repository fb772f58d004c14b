"""What a rebuilding brought back, and what it could not."""

from collections.abc import Sequence

import msgspec


class MissingDocument(msgspec.Struct, frozen=True):
    """A document whose content is gone here. ``total`` in cents. Its till sends it again, unless it has none."""

    till: str
    file_name: str
    state: str
    access_key: str | None
    series: int | None
    number: int | None
    total: int | None


class Token(msgspec.Struct, frozen=True):
    """A till whose token could not be brought back, with its new one."""

    till: str
    token: str


class SaleAlone(msgspec.Struct, frozen=True):
    """A sale that the ERP has, and no file here. ``total`` in cents; ``issued_at`` ISO 8601, "" where it isn't told.

    ``in_sales``: false where only the ledger tells of it, and the ERP's own sale is gone: its value isn't told then."""

    till: str
    access_key: str
    total: int | None
    issued_at: str
    in_sales: bool = True


class ErpAlone(msgspec.Struct, frozen=True):
    """``total`` in cents, of ``count``, which are among the ERP's sales; ``ledger_only``: how many stand in its ledger
    alone; ``named``: the first of both. ``unasked``: the code of why the ERP could not be asked."""

    count: int = 0
    total: int = 0
    named: Sequence[SaleAlone] = ()
    unasked: str = ""
    ledger_only: int = 0


class RebuildReport(msgspec.Struct, frozen=True):
    """``aside``: where the damaged database is now, "" where there was none. Counts are rows by table."""

    aside: str
    rows: dict[str, int]
    unreadable: dict[str, int]  # at least
    dropped: dict[str, int]  # rows that belonged to others that are gone
    missing: Sequence[MissingDocument]
    tokens: Sequence[Token]
    taken_again: int  # files read again from pouches and from recebidos/
    no_users: bool  # nobody can sign in: make a user
    erp_alone: ErpAlone = ErpAlone()

    @property
    def whole(self) -> bool:
        """Whether nothing asks for a person."""
        alone = self.erp_alone.count or self.erp_alone.ledger_only or self.erp_alone.unasked
        return not (self.unreadable or self.missing or self.tokens or self.no_users or alone)
