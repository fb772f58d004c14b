"""What the simulated supermarket sells. The goods are invented; their tax codes are of the kind such goods have."""

import csv
from functools import cache
from importlib import resources

import msgspec


class Product(msgspec.Struct, frozen=True):
    """One article. ``price`` in cents per unit; ``icms_rate`` in hundredths of a percent."""

    code: str
    gtin: str  # "" for what is weighed or baked in the store
    description: str
    ncm: str
    cest: str  # "" where the goods have none
    unit: str  # "UN", or "KG" for what is weighed
    price: int
    cfop: str
    icms_status: str  # CST, of a company in the regular regime
    icms_rate: int
    simples_status: str  # CSOSN, of a company in Simples Nacional
    pis_cofins_status: str
    reform_status: str
    reform_class: str  # cClassTrib
    reform_reduction: int  # percent taken off the IBS and CBS rates

    @property
    def weighed(self) -> bool:
        return self.unit == "KG"


@cache
def products() -> tuple[Product, ...]:
    """The catalogue, in the order of its codes."""
    text = resources.files("malote.demo").joinpath("data", "catalogue.tsv").read_text(encoding="utf-8")
    return tuple(_product(row) for row in csv.DictReader(text.splitlines(), delimiter="\t"))


def _product(row: dict[str, str]) -> Product:
    hundredths = {name: int(row[name].replace(".", "")) for name in ("price", "icms_rate")}
    return msgspec.convert({**row, **hundredths}, Product, strict=False)


def gtin_check_digit(body: str) -> str:
    """The last digit of a GTIN-13 whose first twelve are ``body``: weights 1 and 3 in turn, up to the next ten."""
    total = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(body))
    return str(-total % 10)
