"""kill -9 of a till's process in the middle of loads, over real HTTP: never half a list, and at last the last one."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from malote.load_format import digest
from tests.loads_support import PRICE, PRODUCT, LoadedTill, prices, product, serving

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]
SOAK = os.environ.get("MALOTE_SOAK")
KILLS = 100 if SOAK else 5  # a hundred take half a minute of processor
ROWS = 4000


class Victim:
    """A process that is begun again and again over one outbox."""

    def __init__(self, till: LoadedTill, address: str) -> None:
        words = [sys.executable, "-m", "tests.faults.loads_child", str(till.outbox.path), address]
        self._process = subprocess.Popen(words, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def go_on(self, killed_after: float = -1.0) -> str:
        """Begins it, and says how it ended; killed after so many seconds, if it is still there."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{killed_after}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _is_whole(till: LoadedTill) -> bool:
    """Whether what a POS sees is exactly one of the versions, and the one that is told."""
    version = till.held().version
    _, rows = till.depot.versions[version]["price"]
    seen = [tuple(row) for row in till.select("SELECT * FROM price")]
    held = till.held().entities["price"].sha256
    return sorted(seen) == sorted(rows.values()) and held == digest.digest_of_rows(PRICE, seen)


def test_killed_again_and_again_it_has_one_of_the_lists_and_at_last_the_last(tmp_path: Path) -> None:
    till = LoadedTill(tmp_path)
    dice, kills = Random(9), 0
    with till.outbox, serving(till.depot) as address, closing(Victim(till, address)) as victim:
        till.depot.stage((PRICE, prices(ROWS)))
        order = till.depot.order_of(1)
        till.obey(order)
        while kills < KILLS:
            version = till.depot.stage((PRICE, prices(ROWS - kills, f"{kills}.50")), (PRODUCT, [product(str(kills))]))
            order = till.depot.order_of(version, anew=kills % 2 == 0)
            if kills % 3 == 2:  # one step back, which the till remembers or has to fetch
                order = till.depot.order_of(max(till.held().version - 1, 1), back_from=till.held().version)
            till.take(order)
            patience = 0.3
            while kills < KILLS and victim.go_on(dice.uniform(0.0, patience)) == "killed":
                kills, patience = kills + 1, patience + 0.1  # a busy machine gets further, too
                assert _is_whole(till)
        assert victim.go_on() == "ended 0"
        assert _is_whole(till)
        assert till.held().version == order.version
