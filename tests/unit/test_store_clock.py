"""Commands say when something was by the store's clock, whatever this machine's is."""

from datetime import timedelta, timezone

import pytest

from malote.terminal import store_clock
from malote.terminal.tables import local_time

NOON_UTC = 1_795_608_000.0  # 2026-11-25 12:00 UTC


def test_a_clock_that_no_command_has_set_is_refused() -> None:
    with pytest.raises(RuntimeError, match="store's clock"):
        store_clock.now()
    with pytest.raises(RuntimeError, match="store's clock"):
        store_clock.zone()


def test_the_settings_zone_goes_before_what_tills_print_and_that_before_the_machines() -> None:
    asked: list[int] = []

    def told() -> timezone:
        asked.append(1)
        return timezone(timedelta(hours=-5))

    store_clock.set_to("America/Noronha", told)
    assert local_time(NOON_UTC, "pt") == "25/11/2026 10:00:00"
    assert str(store_clock.zone()) == "America/Noronha"
    store_clock.set_to("", told)
    assert [local_time(NOON_UTC, "en"), local_time(NOON_UTC, "en")] == ["2026-11-25 07:00:00"] * 2
    assert asked == [1]
    store_clock.set_to("", lambda: None)
    assert store_clock.here(NOON_UTC).timestamp() == NOON_UTC
