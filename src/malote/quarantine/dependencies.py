"""What the quarantine is made of, handed in by the composition root."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine

from malote.config import QuarantineSettings
from malote.fiscal.documents import Document
from malote.fiscal.reading_result import Reading
from malote.register.replaying import Judge
from malote.tills.till import Till
from malote.wire import FileReceipt, PouchFile

# Which of the documents the ERP has with the same content. Raises ``ErpError``.
Booked = Callable[[Sequence[Document]], list[bool]]
# Takes files in as if their till had sent them. Raises ``StoreError``, ``OSError``.
Take = Callable[[Till, Sequence[PouchFile]], list[FileReceipt]]
# The version of the loads in force that lacks this code; None: it has it, or nothing is loaded that says. Raises
# ``StoreError``.
Lacks = Callable[[str], int | None]
# Products of the loads in force that a line may mean, by its code, its barcode ("": none) and its description: code,
# description, and what led to each; None: no products are loaded. Raises ``StoreError``.
Proposes = Callable[[str, str, str], Sequence[tuple[str, str, Literal["barcode", "description"]]] | None]


@dataclass(frozen=True, kw_only=True)
class QuarantineParts:
    engine: Engine
    folder: Path  # rejeitados/
    trash: Path  # lixeira/
    settings: QuarantineSettings
    trash_days: float
    judge: Judge  # knows what people have accepted
    foreseeing: Callable[[], Judge]  # for one dry run: the same, and nothing is learned by it
    take: Take
    read: Callable[[bytes], list[Reading]]
    booked: Booked
    lacks_product: Lacks
    lacks_payment: Lacks
    proposes: Proposes
    max_file_bytes: int
    clock: Callable[[], float] = time.time  # seconds since the epoch
