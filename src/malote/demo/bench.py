"""What is asked of a running demo's laboratory: a file for each order, in a folder of the demo's own.

The demo's own process carries it out; the server, which shows the buttons, and ``malote demo fault`` only ask.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from malote.demo.laboratory_faults import FAULTS

VARIABLE = "MALOTE_DEMO_LABORATORY"  # the folder, told to the demo's server alone
FOLDER = "laboratorio"

_PLANT, _RECOVER, _PLANTED = ".plantar", ".recuperar", ".plantado"


class DemoOrder(msgspec.Struct, frozen=True):
    """One order: ``plant``, or put right what nobody could from here."""

    name: str
    plant: bool


class Bench:
    """Over the folder. Any name that is no fault's is unknown: nothing is ever written for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ask(self, name: str, *, plant: bool = True) -> None:
        """Raises ``KeyError`` for no fault's name, ``OSError``."""
        FAULTS[name]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}{_PLANT if plant else _RECOVER}").write_bytes(b"")

    def orders(self) -> Iterator[DemoOrder]:
        """What waits to be carried out."""
        for name in FAULTS:
            for ending, plant in ((_PLANT, True), (_RECOVER, False)):
                if (self.folder / f"{name}{ending}").is_file():
                    yield DemoOrder(name, plant)

    def done(self, order: DemoOrder) -> None:
        (self.folder / f"{order.name}{_PLANT if order.plant else _RECOVER}").unlink(missing_ok=True)
        mark = self.folder / f"{order.name}{_PLANTED}"
        if order.plant:
            mark.write_bytes(b"")
        else:
            mark.unlink(missing_ok=True)

    def planted(self) -> set[str]:
        return {name for name in FAULTS if (self.folder / f"{name}{_PLANTED}").is_file()}

    def clear(self) -> None:
        """Nothing of a demo of before is planted in this one."""
        for path in self.folder.glob("*.*") if self.folder.is_dir() else ():
            path.unlink(missing_ok=True)
