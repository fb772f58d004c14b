"""Troubles that a store really meets, each played again and again with real processes, the light watched all the time.

By `make troubles` (``__main__.py``): each so many times, with a record of every round. A round ends with every sale
proven, or named with its number and value; and from the moment the trouble is told until it is over, no look at the
light is green.
"""

import os

import pytest

soak = [
    pytest.mark.processes,
    pytest.mark.troubles,
    pytest.mark.timeout(0),  # each wait has an end of its own
    pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="takes an hour or two: make troubles"),
]
