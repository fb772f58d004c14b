"""The first view after a start compiles no template and makes no answer about all tills anew."""

from pathlib import Path
from typing import Any

import pytest

from malote.app_console import console_services
from malote.console import warming
from malote.console.rendering import environment
from tests.faces.console_support import signed_in, store, till

PAGES = ("/console/tills", "/console/load-manager", "/console/reconciliation")


def test_whoever_comes_first_finds_the_pages_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store(tmp_path) as services:
        till(services)
        views = console_services(services)
        environment.cache_clear()
        warming.warm(views)
        compiled: list[str] = []
        pages = environment(views.language, views.zone())
        compile_as_ever = pages.compile

        def compile_and_tell(source: Any, name: str | None = None, *rest: Any, **more: Any) -> Any:
            compiled.append(name or "")
            return compile_as_ever(source, name, *rest, **more)

        monkeypatch.setattr(pages, "compile", compile_and_tell)
        with signed_in(services) as ana:
            compiled.clear()  # the sign-in page is nobody's first view but once
            for path in PAGES:
                assert ana.get(path).status_code == 200
        assert compiled == []
