"""Two orders of loads to one till as one: what it shall have, and which rows alone."""

from collections.abc import Callable, Mapping

from malote.load_format.wire import MOST_ITEMS, EntityState, LoadItem, LoadOrder


def both_of(first: LoadOrder, second: LoadOrder, states: Callable[[], Mapping[str, EntityState]]) -> LoadOrder:
    """One that asks for both: of each entity the newer state, and its items as far as it isn't wanted as a whole.

    ``states``: what entities are at now, asked if need be. One of which more items are wanted than an order may name
    is wanted whole. A step back is all that the till shall have, and so is what is ordered after it.
    """
    if first.back_from or second.back_from:
        return second
    entities = dict(first.entities)
    for name, state in second.entities.items():
        if name not in entities or state.version >= entities[name].version:
            entities[name] = state
    items: dict[str, list[LoadItem]] = {}
    for name in dict.fromkeys([*first.items, *second.items]):
        by_key = {one.key: one for order in (first, second) for one in order.items.get(name, [])}
        if len(by_key) > MOST_ITEMS and (now := states().get(name)) is not None:
            entities.setdefault(name, now)
        elif name not in entities:
            items[name] = list(by_key.values())
    version = max(first.version, second.version, *(state.version for state in entities.values()), 0)
    urgent = first.emergency or second.emergency
    return LoadOrder(version, entities, first.anew or second.anew, items, urgent)
