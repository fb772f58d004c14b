"""How much of a file is read: how large it may be, how deep, and how many of everything."""

from datetime import date

import msgspec

# Bytes of one file, where the settings don't say otherwise. The one place: intake.max_document_bytes begins with it,
# and whatever else asks how large a file may be asks that setting. The till is told by the server.
LARGEST_DOCUMENT = 5_000_000
# Bytes of a note with as many items as the layout allows: what is larger is read, but nothing more is done with it.
LARGEST_SALE = 1_500_000


class Limits(msgspec.Struct, frozen=True):
    """How much of a file is read before it is refused, and what the store's settings say of its checks."""

    max_bytes: int = LARGEST_DOCUMENT
    max_depth: int = 64  # of elements within elements; a note in its envelopes has about 15
    max_items: int = 990  # of one note: the official layout's
    max_documents: int = 50  # of one file: enviNFe's
    max_payments: int = 100  # of one note: the official layout's
    tolerance: int | None = None  # cents that sums may be apart; None: one for each item, at most ten
    on: date | None = None  # whose rules apply; None: those of the day of issue
