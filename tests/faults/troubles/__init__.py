"""Troubles that a store really meets, each played again and again with real processes, the light watched all the time.

By `make troubles TIMES=10`: so many times each. Each ends with every sale proven, or named with its number and value;
and from the moment the trouble is told until it is over, no look at the light is green.
"""

import os

import pytest

TIMES = int(os.environ.get("MALOTE_SOAK_TIMES", "10"))

soak = [
    pytest.mark.processes,
    pytest.mark.troubles,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="takes an hour or two: make troubles"),
]
