"""What is asked of the laboratory: known names only, each carried out once, and remembered as planted."""

from pathlib import Path

import pytest

from malote.demo.bench import Bench, DemoOrder
from malote.demo.laboratory_faults import FAULTS, title


def test_what_was_asked_is_done_once_and_remembered(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "laboratorio")
    assert (list(bench.orders()), bench.planted()) == ([], set())
    bench.ask("gap")
    (order,) = bench.orders()
    assert order == DemoOrder("gap", plant=True)
    bench.done(order)
    assert (list(bench.orders()), bench.planted()) == ([], {"gap"})
    bench.ask("gap", plant=False)
    bench.done(next(bench.orders()))
    assert bench.planted() == set()


@pytest.mark.parametrize("name", ["", "../gap", "gap.plantar", "/etc/passwd", "GAP"])
def test_nothing_is_written_for_a_name_that_is_no_faults(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyError):
        Bench(tmp_path / "laboratorio").ask(name)
    assert list(tmp_path.iterdir()) == []


def test_a_new_demo_begins_with_nothing_planted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.ask("gap")
    bench.done(next(bench.orders()))
    bench.ask("reject")
    bench.clear()
    assert (list(bench.orders()), bench.planted()) == ([], set())


def test_there_are_twenty_and_each_has_a_title_in_both_languages() -> None:
    assert len(FAULTS) >= 20
    assert all(title(name, "pt") and title(name, "en") for name in FAULTS)
