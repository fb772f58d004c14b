"""A kind of orders that only tests know: the server's file of it. A till counts to a number, a row for each."""

from malote.orders.kinds import OrderKind


class CountOrders(OrderKind):
    """Of two orders to count, the farther one has to be obeyed."""

    name = "count"

    def merged(self, held: str, new: str) -> str:
        return str(max(int(held), int(new)))
