"""Every page of the console is served: what a page's module declares stands in its ``HANDLERS``."""

import pkgutil
from importlib import import_module

from litestar.handlers import HTTPRouteHandler

from malote.console import pages, router
from malote.console.pages import entry


def test_every_page_is_served_whole() -> None:
    modules = [import_module(f"{pages.__name__}.{one.name}") for one in pkgutil.iter_modules(pages.__path__)]
    served = {page.__name__: page.HANDLERS for page in router.PAGES} | {entry.__name__: [*entry.OUTSIDE, *entry.INSIDE]}
    for module in modules:
        declared = [one for one in vars(module).values() if isinstance(one, HTTPRouteHandler)]
        assert set(map(id, declared)) == set(map(id, served.get(module.__name__, []))), module.__name__
    assert sum(len(handlers) for handlers in served.values()) > 50
