"""Consumidores: how each fares and what it got; for who may see the trail only."""

import time
from pathlib import Path

from malote.accounts.audit import SYSTEM
from malote.accounts.roles import Role
from malote.consumers import ledger
from malote.consumers.accounts import WantedConsumer
from malote.database.engine import writing
from malote.spool.documents import Reason
from tests.faces.console_support import sell, settle, signed_in, store, till
from tests.faces.test_console_pages import words


def test_consumers_and_what_one_got(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services) as ana, signed_in(services, Role.SUPORTE, "rui") as rui:
        assert "Nenhum consumidor" in words(ana.get("/console/consumers").text)
        for name, kind in (("bi", "pull"), ("hook", "webhook")):
            address = "https://hook.example/" if kind == "webhook" else ""
            services.consumers.add(WantedConsumer(name, kind, address), SYSTEM)  # type: ignore[arg-type]
        sell(services, till(services), count=3)
        settle(services)
        services.consumers.pull(services.consumers.listed()[0], "", 2)
        held = ledger.claim(services.engine, 2, time.time())
        assert held is not None
        reason = Reason("webhook_refused", {"host": "hook.example", "status": "503"})
        with writing(services.engine) as connection:
            ledger.failed(connection, held, reason, time.time(), time.time())
        page = words(ana.get("/console/consumers").text)
        assert "bi busca por si 3" in page
        assert "hook webhook 3 – Webhook recusou hook.example respondeu 503 em vez de 2xx." in page
        assert "buscou 2 1–2" in words(ana.get("/console/consumers?name=bi").text)
        assert "Não recebeu nada ainda." in words(ana.get("/console/consumers?name=hook").text)
        assert "buscou" not in words(ana.get("/console/consumers?name=nobody").text)
        assert "cadastrou o consumidor bi" in words(ana.get("/console/audit").text)
        assert rui.get("/console/consumers").status_code == 403
