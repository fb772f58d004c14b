"""Documents that other projects published: each read, or refused for a reason that its file bears out."""

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from malote.fiscal.access_key import is_right
from malote.fiscal.reader import summary
from tests.unit.fiscal.support import codes, only, the_long_way

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "samples"

pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the sample documents aren't beside the project"),
]


class Expected(NamedTuple):
    kind: str
    key: str | None
    total: int | None = None
    items: int | None = None
    payments: int | None = None
    authorised: bool = False
    codes: tuple[str, ...] = ()


EXPECTED = {
    # tpEmis 1 in the key and 9 in the body; an issuer of zeros.
    "akretion_nfelib__nfce_contingencia.xml": Expected(
        "sale",
        "41240200000000000100650010000000101000000104",
        1500,
        1,
        1,
        False,
        ("key_disagrees", "issuer_check_digit"),
    ),
    "nfephp-org_sped-da__NFCeHom2.xml": Expected(
        "sale", "41170410422724000187650010000005101000010235", 150000, 1, 1, True
    ),
    # The key ends in 0 where 9 is right, which the body has; another CNPJ in the body.
    "nfephp-org_sped-nfe__exemplo_xml_envia_lote_modelo_65.xml": Expected(
        "sale", "43211105730928000145650010000002401717268120", 100, 1, 1, False, ("key_check_digit", "key_disagrees")
    ),
    "nfephp-org_sped-nfe__nfce_com_qrcode-2263e6d.xml": Expected(
        "sale", "53151158716523000119650010000001752000001754", 1000, 1, 1
    ),
    "nfephp-org_sped-nfe__nfce_com_qrcode.xml": Expected(
        "sale", "29181033657677000156650010001654399001654399", 15000, 2, 1, False, ("key_check_digit",)
    ),
    "nfephp-org_sped-nfe__nfce_sem_qrcode-0223c3b.xml": Expected(
        "sale", "53151158716523000119650010000001752000001754", 1000, 1, 1
    ),
    "nfephp-org_sped-nfe__nfce_sem_qrcode.xml": Expected(
        "sale", "29181033657677000156650010001654399001654399", 15000, 2, 1, False, ("key_check_digit",)
    ),
    "nfephp-org_sped-nfe__signNFe_modelo_65.xml": Expected(
        "sale", "29181033657677000156650010001654399001654399", 15000, 2, 1, False, ("key_check_digit",)
    ),
    # The issuer is sixteen X.
    "waynerlc_nfce__nfce.xml": Expected(
        "sale", "13140311707347000195650030000004591064552496", 1000, 1, 1, False, ("issuer_malformed",)
    ),
    "base4sistemas_satcfe__cfe-autorizado.xml": Expected(
        "sale", "35150708723218000186599000040190000215133408", 200, 1, 1, True
    ),
    "base4sistemas_satcfe__cfe-teste-assinado.xml": Expected(
        "sale", "35150908723218000186599000040190000007972068", 65432, 1, 1, True
    ),
    # Requests to the SAT: no Id yet.
    "base4sistemas_satcfe__cfe-teste.xml": Expected("sale", None, None, 1, 1, False, ("sat_request",)),
    "base4sistemas_satcfe__cfe.xml": Expected("sale", None, None, 1, 1, False, ("sat_request",)),
    "base4sistemas_satcfe__cfecanc.xml": Expected(
        "cancellation", "35150908723218000186599000040190000360539948", codes=("sat_request",)
    ),
    "zucchetti-pos_package-cfe-sat-mfe__cfe-sat-0.07.xml": Expected(
        "sale", "35210814200166000166599000238700000346339230", 1, 1, 1, True
    ),
    "zucchetti-pos_package-cfe-sat-mfe__cfe-sat-0.08.xml": Expected(
        "sale", "35210814200166000166599000238700000482452078", 340, 1, 1, True
    ),
    "zucchetti-pos_package-cfe-sat-mfe__cfe-sat-100itens.xml": Expected(
        "sale", "35210914200166000166599000238700001378204383", 46506, 100, 1, True
    ),
    "zucchetti-pos_package-cfe-sat-mfe__cfe-sat-layout.xml": Expected(
        "sale", "35210914200166000166599000238700001108211590", 185, 1, 1, True
    ),
    "zucchetti-pos_package-cfe-sat-mfe__cfe-sat-pagamentos.xml": Expected(
        "sale", "35210914200166000166599000238290001042097142", 1000, 1, 4, True
    ),
    "base4sistemas_satcfe__cfecanc-autorizado.xml": Expected(
        "cancellation", "35150908723218000186599000040190000360539948", authorised=True
    ),
    "base4sistemas_satextrato__cfe_cancelamento.xml": Expected(
        "cancellation", "35150808723218000186599000040190000241114257", authorised=True
    ),
    "zucchetti-pos_package-cfe-sat-mfe__cfe-sat-cancelado.xml": Expected(
        "cancellation", "35210814200166000166599000238290000391066135", authorised=True
    ),
    # The event's author is 93623057000128, which neither key names.
    "nfephp-org_sped-nfe__exemplo_xml_sefazCancela.xml": Expected(
        "cancellation", "35150300822602000124550010009923461099234656", codes=("key_disagrees",)
    ),
    "nfephp-org_sped-nfe__exemplo_xml_request_sefazCancelaPorSubstituicao.xml": Expected(
        "cancellation", "35240305730928000145650010000001421071400478", codes=("key_check_digit", "key_disagrees")
    ),
}


def test_every_sample_has_its_expectation() -> None:
    assert {file.name for file in FOLDER.glob("*.xml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample(name: str) -> None:
    reading = only((FOLDER / name).read_bytes())
    seen = summary(reading)
    found = (seen.kind, seen.access_key, seen.total, seen.items, seen.payments, bool(seen.authorised))
    assert (*found, tuple(codes(reading))) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_reads_the_same_again(name: str) -> None:
    raw = (FOLDER / name).read_bytes()
    assert [only(raw), only(raw)] == the_long_way(raw) * 2


def test_the_index_agrees() -> None:
    """What those who gathered the samples noted of them."""
    with (FOLDER / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        notes = {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}
    for name in EXPECTED:
        seen, note = summary(only((FOLDER / name).read_bytes())), notes[name]
        assert seen.model == note["mod"]
        if seen.kind == "sale":
            assert seen.items == int(note["nItems"])
        if note["class"] == "NFC-e":
            assert seen.emission == int(note["tpEmis"])
            assert bool(seen.authorised) == (note["prot"] == "1")
        if note["dv"] == "ok":
            assert is_right(seen.access_key or "")
        if note["dv"].startswith("BAD(want"):
            assert "key_check_digit" in codes(only((FOLDER / name).read_bytes()))
