"""Samples who holds sales up, for as long as anybody does, whether a person looks or not."""

import threading

from malote import log as logs
from malote.database.errors import StoreError
from malote.locks.lock_service import Locks

LOOK_SECONDS = 5.0  # while nothing waits
SAMPLE_SECONDS = 2.0  # while sales wait

log = logs.get_logger("malote.locks")


def run(locks: Locks, stop: threading.Event) -> None:
    """Looks now and then, until told to stop. While nothing is booked and nothing waits, it asks the tallies alone."""
    seconds = LOOK_SECONDS
    while not stop.wait(seconds):
        try:
            seconds = SAMPLE_SECONDS if locks.sample() else LOOK_SECONDS
        except StoreError as error:
            log.warning("lock_sample_waits", code=error.code)
