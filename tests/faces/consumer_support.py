"""Consumers of a real server, and sales that are booked without an ERP."""

import itertools
from collections.abc import Sequence

import httpx
import msgspec

from malote.app import Services
from malote.consumers import accounts as consumers
from malote.consumers import example
from malote.consumers.accounts import WantedConsumer
from malote.fiscal.documents import Document, Sale
from malote.spool.documents import Reason
from malote.tills.till import Till
from tests.engines.spool_support import START, body_of, file_with, incoming, posted, rejected

EXAMPLE = example.SALE
_labels = (f"file-{number}" for number in itertools.count())


def pulling(services: Services, name: str = "bi", *, personal: bool = False) -> str:
    """A consumer's token."""
    return consumers.add(services.engine, WantedConsumer(name, "pull", personal=personal))[1]


def sale_like_the_example(number: int, consumer: str = "") -> Sale:
    key = f"{EXAMPLE.access_key[:25]}{number:09}{EXAMPLE.access_key[34:]}"
    return msgspec.structs.replace(EXAMPLE, access_key=key, number=number, consumer=consumer)


def arrive(services: Services, till: Till, documents: Sequence[Document], reason: Reason | None = None) -> None:
    """As if the till had sent each in a file of its own; refused for ``reason`` where there is one."""
    names = [next(_labels) for _ in documents]
    files = [file_with(name, incoming(one, reason=reason)) for name, one in zip(names, documents, strict=True)]
    services.spool.accept(till.id, body_of(names), files, received_at=START)


def book(services: Services, till: Till, documents: Sequence[Document]) -> None:
    """They arrive, and the ERP has them."""
    arrive(services, till, documents)
    services.spool.settle([posted(one) for one in services.spool.lease("test", 1000, 60)])


def refuse(services: Services, till: Till, documents: Sequence[Document]) -> None:
    """They arrive, and the ERP refuses them."""
    arrive(services, till, documents)
    services.spool.settle([rejected(one) for one in services.spool.lease("test", 1000, 60)])


def client(address: str, token: str) -> httpx.Client:
    """A person's: without the protocol's header."""
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60)
