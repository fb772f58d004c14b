"""The companies whose notes the simulated tills write. They are invented; their CNPJs are examples without an owner."""

import msgspec


class Issuer(msgspec.Struct, frozen=True):
    cnpj: str
    name: str
    trade_name: str
    state_registration: str
    regime: int  # CRT: 3 regular, 1 Simples Nacional
    street: str
    street_number: str
    district: str

    @property
    def simples(self) -> bool:
        return self.regime == 1


# All of them stand in one city.
STATE_CODE = "35"
STATE = "SP"
CITY_CODE = "3550308"
CITY = "São Paulo"
POSTCODE = "01001000"

SUPERMARKET = Issuer(
    cnpj="11222333000181",
    name="Mercado Demonstração Ltda",
    trade_name="Mercado Demonstração",
    state_registration="111222333444",
    regime=3,
    street="Rua da Demonstração",
    street_number="100",
    district="Centro",
)
# A CNPJ given out since July 2026 may hold letters.
WHOLESALE = Issuer(
    cnpj="12ABC34501DE35",
    name="Atacado Demonstração S.A.",
    trade_name="Atacado Demonstração",
    state_registration="222333444555",
    regime=3,
    street="Avenida da Demonstração",
    street_number="2026",
    district="Centro",
)
BAKERY = Issuer(
    cnpj="22333444000181",
    name="Padaria Demonstração ME",
    trade_name="Padaria Demonstração",
    state_registration="333444555666",
    regime=1,
    street="Travessa da Demonstração",
    street_number="7",
    district="Centro",
)

ISSUERS = (SUPERMARKET, WHOLESALE, BAKERY)
