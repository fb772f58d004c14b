"""An agent that is killed while it carries out an order: ``python -m tests.faults.orders_child OUTBOX STEPS``.

The order lies in the outbox already; after so many steps the process ends itself without any farewell.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, cast

from malote.till.orders.dispatching import Orders
from malote.till.orders.handling import Means
from malote.till.outbox import Outbox
from tests.counting_at_the_till import Count
from tests.unit.till_support import Ears


def orders_over(outbox: Outbox) -> Orders:
    """Of till 3, which knows no other kind."""
    means = Means(outbox, cast(Any, None), Ears().voice, lambda: None, time.time)
    return Orders(means, 3, time.monotonic, [Count])


def main(path: str, steps: str) -> None:
    orders = orders_over(Outbox(Path(path)))
    for _ in range(int(steps)):
        orders.step()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
