"""What a person asked to be loaded, by a command or on a page."""

import msgspec

from malote.loads.planning import Wanted


class AskedLoad(msgspec.Struct, frozen=True, omit_defaults=True):
    """``items``: rows alone, by entity, each as people write its key (``4711``). ``since`` and ``until``: the rows
    alone that changed in between, of the entities or of all; seconds since the epoch."""

    wanted: Wanted
    items: dict[str, list[str]] = {}
    since: float | None = None
    until: float | None = None
    emergency: bool = False

    @property
    def urgent(self) -> set[str]:
        """The products that an emergency for these items is about, as people write them (``4711``, ``4711,UN``)."""
        return {text.partition(",")[0] for text in self.items.get("price", ())}
