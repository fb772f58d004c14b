"""The laboratory's table has a row for every trouble, and every trouble that the support procedure is known for."""

from malote import rejection
from malote.demo.bench import FAULTS
from malote.demo.laboratory_table import PAIRS, TABLE, Row, Sought, markdown

STEPS = {"structures"}


def test_every_trouble_has_its_row_and_what_names_it_is_known() -> None:
    assert set(TABLE) == set(FAULTS)
    assert {name for pair in PAIRS for name in pair} <= set(FAULTS)
    codes = {code for one in TABLE.values() for code in one.codes} - STEPS
    assert codes <= set(rejection.catalogue())


def test_of_two_at_once_one_may_be_named_long_after_the_other() -> None:
    """A refused sale can't be told while it is refused for a column that is missing."""
    sought = Sought([TABLE["structure-erp"], TABLE["reject"]])
    sought.note({"structures", "look"})
    assert (sought.found, sought.is_over) == (["structures"], False)
    sought.note({"erp_constraint"})
    assert (sought.found, sought.is_over) == (["structures", "erp_constraint"], True)


def test_the_table_says_what_failed() -> None:
    good = Row("reject", ["erp_constraint"], 2.4, "resolved", 11.0, ["cure"], recovered=True, passed=True)
    bad = Row("gap", [], 120.0, "support", 120.0, [], recovered=False, passed=False)
    lines = markdown([good, bad]).splitlines()
    assert lines[2] == "| reject | `erp_constraint` | cure | resolved | 2 s | 11 s |"
    assert lines[3] == "| gap | **not found** | –; then whoever it belongs to | **no:** support | 120 s | 120 s |"
