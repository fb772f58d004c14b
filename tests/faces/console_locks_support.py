"""A store whose ERP is a real PostgreSQL in which people hold locks, and a poster that meets them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from malote.app import Services, services_for
from malote.app_workers import build_poster, running
from malote.config import ErpSettings, LocksSettings, PostingSettings, Settings, StoreSettings
from malote.register import till_documents

HOLD = "LOCK TABLE stock IN EXCLUSIVE MODE"
PROGRAM = "fechamento do mês"


@contextmanager
def store_with_erp(home: Path, erp_url: str, **locks: float) -> Iterator[Services]:
    settings = Settings(
        home=str(home),
        store=StoreSettings(name="Mercado Aurora"),
        erp=ErpSettings(url=erp_url, name="Winthor"),
        posting=PostingSettings(idle_seconds=0.05, retry_first_seconds=0.2, retry_longest_seconds=2.0),
        locks=LocksSettings(grace_seconds=0.3, **locks),  # type: ignore[arg-type]
    )
    with services_for(settings) as services:
        yield services


@contextmanager
def posting(services: Services) -> Iterator[None]:
    """A poster at work, as the server has one."""
    with running({"poster": build_poster(services.settings, services).run}, threading.Event()):
        yield


def counted(services: Services) -> dict[str, int]:
    """Documents by state."""
    found: dict[str, int] = {}
    for one in till_documents.documents_of(services.engine, limit=10_000):
        found[one.state] = found.get(one.state, 0) + 1
    return found
