"""A note, and the authority's answers about it in files of their own."""

from decimal import Decimal

from tests.engines.relations_support import Booked
from tests.unit.fiscal.notes import NAMESPACE, build_note, key_of

SENT = build_note(number=35, protocol=False)  # what a POS saves before the answer
AUTHORISED = build_note(number=35)
KEY = key_of(SENT)
NUMBER = "135260000000001"
SOLD = {KEY: Booked(Decimal("25.90"), NUMBER, 100, False)}


def answer(status: int = 100, of: bytes = AUTHORISED, root: str = "retEnviNFe") -> bytes:
    text = of.decode()
    said = text[text.index("<protNFe") : text.index("</protNFe>") + 10].replace("<cStat>100", f"<cStat>{status}")
    if status not in (100, 120, 150):
        said = said.replace(f"<nProt>{NUMBER}</nProt>", "")
    return f'<{root} xmlns="{NAMESPACE}"><cStat>104</cStat>{said}</{root}>'.encode()


def lot(note: bytes) -> bytes:
    text = note.decode()
    return f'<enviNFe xmlns="{NAMESPACE}"><idLote>1</idLote>{text[text.index("<NFe") :]}</enviNFe>'.encode()
