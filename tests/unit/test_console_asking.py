"""Many who ask at once cost two askings, and nobody gets an answer from before he asked."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from malote.console.asking_together import Together


def test_fifty_at_once_cost_two_askings() -> None:
    asked: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def ask(_: str) -> int:
        asked.append(1)
        begun.set()
        assert go.wait(60)
        return len(asked)

    together: Together[str, int] = Together(ask)
    with ThreadPoolExecutor(50) as pool:
        first = pool.submit(together, "key")
        assert begun.wait(60)
        others = [pool.submit(together, "key") for _ in range(49)]
        waiting = threading.Event()
        while True:
            with together._lock:
                if "key" in together._next:
                    break
            waiting.wait(0.001)
        go.set()
        assert first.result(60) == 1
        # Whoever came while the first was being asked has an answer from a later asking.
        assert all(one.result(60) >= 2 for one in others)
    assert len(asked) < 50


def test_others_do_not_wait() -> None:
    together: Together[str, str] = Together(lambda key: key)
    assert [together("a"), together("b"), together("a")] == ["a", "b", "a"]
    assert together._next == {}
    assert together._running == {}


def test_what_goes_wrong_is_told_to_each() -> None:
    def ask(_: str) -> str:
        raise ValueError("x")

    together: Together[str, str] = Together(ask)
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            together("key")
    assert together._next == {}
    assert together._running == {}
