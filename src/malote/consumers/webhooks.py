"""One thread for each webhook: a consumer that answers slowly, or never, makes nobody else wait."""

import threading
from collections.abc import Callable

from sqlalchemy import Engine

from malote import incidents
from malote import log as logs
from malote.consumers import accounts as consumers
from malote.consumers.accounts import Consumer
from malote.consumers.calling import Caller
from malote.consumers.delivering import Delivery, turn
from malote.database.errors import StoreError

IDLE_SECONDS = 1.0  # between looks whether anything is new
LOOK_SECONDS = 5.0  # between looks for new consumers
JOIN_SECONDS = 15.0  # for a delivery under way
MOST = 100  # webhooks that one process delivers to

log = logs.get_logger("malote.consumers")

Prepare = Callable[[Consumer, Caller], Delivery]


class Webhooks:
    """Delivers to all webhooks of the store database, and to those added meanwhile."""

    def __init__(self, engine: Engine, prepare: Prepare, *, private: bool) -> None:
        self._engine = engine
        self._prepare = prepare
        self._private = private

    def run(self, stop: threading.Event) -> None:
        """Until told to stop."""
        threads: dict[int, threading.Thread] = {}
        try:
            while not stop.is_set():
                self._start_missing(threads, stop)
                stop.wait(LOOK_SECONDS)
        finally:
            for thread in threads.values():
                thread.join(JOIN_SECONDS)

    def _start_missing(self, threads: dict[int, threading.Thread], stop: threading.Event) -> None:
        try:
            found = [one for one in consumers.listed(self._engine) if one.kind == "webhook" and one.revoked_at is None]
        except StoreError as error:
            log.warning("webhooks_wait", code=error.code)
            return
        if len(found) > MOST:
            log.error("webhooks_too_many", count=len(found), most=MOST)
        for one in found[:MOST]:
            if one.id not in threads or not threads[one.id].is_alive():
                name = f"webhook {one.name}"
                thread = threading.Thread(target=self._deliver, args=(one.name, stop), name=name, daemon=True)
                threads[one.id] = thread
                thread.start()

    def _deliver(self, name: str, stop: threading.Event) -> None:
        """The outermost loop of a consumer's thread."""
        caller = Caller(private=self._private)
        try:
            while not stop.is_set():
                consumer = consumers.find(self._engine, name)
                if consumer.revoked_at is not None:
                    return
                if turn(self._prepare(consumer, caller), stop) != "delivered":
                    stop.wait(IDLE_SECONDS)
        except StoreError as error:
            log.warning("webhook_waits", consumer=name, code=error.code)
        except Exception as error:  # noqa: BLE001 - outermost loop; it is started again
            incidents.report("webhook_failed", error, consumer=name)
        finally:
            caller.close()
