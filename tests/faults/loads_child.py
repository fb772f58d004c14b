"""A till's process in the middle of loads, killed again and again: ``-m tests.faults.loads_child OUTBOX ADDRESS``.

Each line on its standard input, a number of seconds, begins a process that goes on with the order in the outbox; it is
killed after so long, or never for a negative number, and how it ended is told. It is a fork of this, so that a hundred
of them cost a hundred loads and not a hundred starts.
"""

import os
import signal
import sys
import time
from pathlib import Path

from malote.till.orders.dispatching import Orders
from malote.till.orders.handling import Means
from malote.till.outbox import Outbox
from malote.till.server_client import ServerClient
from tests.unit.structures_till_support import TILL_NUMBER
from tests.unit.till_support import Ears


def go_on(path: Path, address: str) -> None:
    with Outbox(path) as outbox, ServerClient(address, "token") as server:
        orders = Orders(Means(outbox, server, Ears().voice, lambda: None, time.time), TILL_NUMBER, time.monotonic)
        while orders.busy:
            orders.step()


def main(path: str, address: str) -> None:
    for line in sys.stdin:
        process = os.fork()
        if not process:
            go_on(Path(path), address)
            os._exit(0)
        if float(line) >= 0:
            time.sleep(float(line))
            os.kill(process, signal.SIGKILL)  # not waited for before: the number is nobody else's
        _, status = os.waitpid(process, 0)
        print("killed" if os.WIFSIGNALED(status) else f"ended {os.WEXITSTATUS(status)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
