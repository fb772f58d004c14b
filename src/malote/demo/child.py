"""Runs ``malote`` as a child of the demo, and ends it when the demo is gone, however that went.

The demo holds the other end of standard input. When it dies, even from a kill, the system closes that end; this works
alike on Linux, macOS and Windows.
"""

import os
import runpy
import signal
import sys
import threading
import time

from malote.demo import ailments

_GRACE_SECONDS = 15.0


def _end_with_the_parent() -> None:
    # Not by sys.stdin: Python waits for its lock when it ends.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    threading.Thread(target=_end_with_the_parent, name="parent", daemon=True).start()
    ailments.take_on()
    # By name, since the command line stands above the demo and must not be imported from here.
    runpy.run_module("malote", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
