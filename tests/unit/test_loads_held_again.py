"""Which held entities are judged again before their time."""

from collections.abc import Collection, Mapping

from malote.loads.held_again import HeldAgain


class Ledger:
    """The ERP's signs, as they are set."""

    def __init__(self) -> None:
        self.signs: dict[str, object] = {"price": (3, 10)}

    def __call__(self, names: Collection[str]) -> Mapping[str, object]:
        return {name: sign for name, sign in self.signs.items() if name in names}


def test_it_is_due_until_it_was_judged_and_then_with_its_next_change() -> None:
    erp = Ledger()
    held = HeldAgain(erp)
    assert held.changed({"price", "product"}) == {"price"}
    assert held.changed({"price"}) == {"price"}, "the ERP went away before it was judged"
    held.judged()
    assert held.changed({"price"}) == set()
    erp.signs["price"] = (3, 11)
    assert held.changed({"price"}) == {"price"}
    assert held.changed(()) == set()
