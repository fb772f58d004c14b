"""Which of a document's products a form is about."""

import msgspec
import pytest

from malote.console.pages.document import refused_product
from malote.quarantine.quarantine_reports import CureOption
from malote.register.documents import StoredDocument

OFFERED = [CureOption("map_product", {"issuer": "1", "products": "10, 99817, 998"})]


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ("Key (product)=(99817) is not present in table product", "99817"),
        ("the product 998 is unknown", "998"),
        ("something else", ""),
    ],
)
def test_it_is_the_one_that_the_reason_names(said: str, chosen: str) -> None:
    names = {field.name: None for field in msgspec.structs.fields(StoredDocument)}
    reason = {"code": "erp_constraint", "facts": {"detail": said}}
    plain = {"id": 1, "till": "x", "state": "rejected", "file_name": "x", "file_sha256": "", "position": 0}
    plain |= {"attempts": 0, "accepted_at": 0.0, "duplicate": False}
    document = msgspec.convert(names | plain | {"reason": reason}, StoredDocument)
    assert refused_product(document, OFFERED) == chosen
    assert refused_product(document, []) == ""
