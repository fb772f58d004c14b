"""The load manager's groups: tills of which a person would say the same are one line, the worst first."""

import pytest

from malote.console.load_groups import MOST_GROUPS, TillRow, WantedGroups, grouped, till_row
from malote.loads.load_reports import Going, TillLoad
from malote.orders.rollout_reports import RolloutTill
from malote.schema.structure_reports import ReportedStructure

HELD = TillLoad("", "current", 3, 0.0, contact_at=0.0)
AT_IT = Going(3, "begun", "ana", 0.0, 1, 2, "rows", None, None, None)
STALLED = Going(3, "begun", "ana", 0.0, 1, 2, "rows", None, None, 5.0)


def row(
    name: str = "loja1-01",
    load: TillLoad | None = HELD,
    version: int | None = 2,
    progress: RolloutTill | None = None,
) -> TillRow:
    current = None if version is None else version == 2
    return till_row(ReportedStructure(name, version, 2, current, None), progress, load)


@pytest.mark.parametrize(
    ("load", "version", "state", "light"),
    [
        (HELD, 2, "current.current", "ok"),
        (HELD, None, "current.silent", "disabled"),
        (HELD, 1, "current.outdated:1", "attention"),
        (TillLoad("", "failed", 2, code="loads_no_room"), 2, "failed:loads_no_room.current", "stopped"),
        (TillLoad("", "current", 3, differing=["price"]), 2, "differing.current", "stopped"),
        (TillLoad("", "behind", 3, going=STALLED), 2, "stalled.current", "stopped"),
        (TillLoad("", "loading", 3, going=AT_IT), 1, "loading.outdated:1", "attention"),
        (TillLoad("", "loading", 3), 2, "behind.current", "attention"),
        (TillLoad("", "current", 0), 2, "unread.current", "disabled"),
        (TillLoad("", "unable", contact_at=1.0), 2, "unable.current", "disabled"),
        (TillLoad("", "unable"), None, "unheard.silent", "disabled"),
        (None, None, "unheard.silent", "disabled"),
    ],
)
def test_a_tills_state_is_that_of_its_load_and_its_structure(
    load: TillLoad | None, version: int | None, state: str, light: str
) -> None:
    found = row(load=load, version=version)
    assert (found.state, found.light) == (state, light)


def test_a_roll_out_that_failed_there_weighs_more_than_a_load_that_is_behind() -> None:
    failed = RolloutTill("loja1-02", 1, "failed", None, 0.0, 0.0, None, "till_disk_full")
    behind = [row(f"loja1-{number:02d}", TillLoad("", "behind", 2)) for number in range(3, 400)]
    groups, left = grouped([*behind, row("loja1-02", version=1, progress=failed), row()], WantedGroups())
    assert [(one.key, one.count, len(one.rows)) for one in groups] == [
        ("current.failed:till_disk_full", 1, 1),
        ("behind.current", 397, 0),
        ("current.current", 1, 1),
    ]
    assert left == 0
    assert groups[0].worst.structure_is_worse
    opened, _ = grouped(behind, WantedGroups(open="behind.current", opened=50))
    assert [one.name for one in opened[0].rows][:2] == ["loja1-03", "loja1-04"]
    assert len(opened[0].rows) == 50


def test_stores_with_trouble_come_first_and_many_are_counted() -> None:
    rows = [row(f"loja{store:03d}-{till}") for store in range(MOST_GROUPS + 40) for till in (1, 2)]
    rows.append(row("loja099-3", TillLoad("", "failed", 2)))
    rows.append(row("loja098-3", TillLoad("", "behind", 2)))
    groups, left = grouped(rows, WantedGroups("store"))
    assert [(one.key, one.count, one.troubled, one.lacking) for one in groups][:3] == [
        ("loja099", 3, 1, 0),
        ("loja098", 3, 0, 1),
        ("loja000", 2, 0, 0),
    ]
    assert groups[0].worst.name == "loja099-3"
    assert (len(groups), left) == (MOST_GROUPS, 40)
    assert sum(len(one.rows) for one in groups) <= 41
