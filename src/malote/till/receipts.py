"""What the server's receipts say of the till's files."""

from collections.abc import Collection, Sequence

from malote import wire
from malote.till.outbox_records import FileAnswer


def answers(receipts: Sequence[wire.FileReceipt], expected: Collection[bytes]) -> list[FileAnswer]:
    """What the receipts say of the files asked about; anything else in them is ignored."""
    found = []
    for receipt in receipts:
        try:
            sha256 = bytes.fromhex(receipt.sha256)
        except ValueError:
            continue
        if sha256 in expected:
            told = _told(receipt)
            code, message = (told.code, told.message) if told else (None, None)
            found.append(FileAnswer(sha256, receipt.state, code, message))
    return found


def _told(receipt: wire.FileReceipt) -> wire.DocumentReceipt | None:
    """The document whose reason is the file's. Of one that is settled, only where nothing of it is in the ERP."""
    if receipt.state == "posted" and any(document.state != "kept" for document in receipt.documents):
        return None
    return next((document for document in receipt.documents if document.code), None)
