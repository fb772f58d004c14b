"""The clock as whoever works by it is given it: a test gives one that passes when told to."""

import time


class Clock:
    """This machine's."""

    def now(self) -> float:
        """Seconds since the epoch; somebody may set it to anything at any moment."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


CLOCK = Clock()
