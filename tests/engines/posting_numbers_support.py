"""A quarantine over a shop, a poster that works until nothing is left, and the light of its till."""

from pathlib import Path

from malote.accounts.audit import Actor
from malote.config import QuarantineSettings, StoreSettings
from malote.findings import lights as overview
from malote.fiscal.reader import read
from malote.posting.poster import Poster
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_service import Quarantine
from tests.engines.posting_support import SETTINGS, Shop

BOSS = Actor("ana", "127.0.0.1")


def quarantine(shop: Shop, folder: Path) -> Quarantine:
    return Quarantine(
        QuarantineParts(
            engine=shop.engine,
            folder=folder / "rejeitados",
            trash=folder / "lixeira",
            settings=QuarantineSettings(),
            trash_days=30,
            judge=lambda till, name, content: None,  # type: ignore[arg-type,return-value]
            foreseeing=lambda: read,  # type: ignore[arg-type,return-value]
            take=lambda till, files: [],
            read=read,
            booked=lambda documents: [False for _ in documents],
            lacks_product=lambda code: None,
            lacks_payment=lambda code: None,
            proposes=lambda code, gtin, description: None,
            max_file_bytes=1000,
            clock=shop.clock,
        )
    )


def drain(shop: Shop, store: StoreSettings | None = None) -> None:
    poster = Poster(
        shop.spool, shop.engine, shop.erp, lambda kept: None, SETTINGS, store or StoreSettings(), clock=shop.clock
    )
    poster.drain()
    poster.close()


def light(shop: Shop) -> tuple[str, str | None]:
    found = overview.till_overview(shop.engine, "caixa1", now=shop.clock())
    assert found is not None
    return found.cause, found.reason_code
