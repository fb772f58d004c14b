"""The ERP's words reach people; people's data in them don't."""

from time import process_time

import pytest

from malote.erp.server_words import LONGEST, presentable

CPF = "52998224725"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("produto sem cadastro: 9999", "produto sem cadastro: 9999"),
        ("produto 17 fora de linha: reative no cadastro", "produto 17 fora de linha: reative no cadastro"),
        (f"cpf {CPF} bloqueado", "cpf *** bloqueado"),
        ("CPF 529.982.247-25 bloqueado", "CPF *** bloqueado"),
        ("CPF 111.111.111-11 bloqueado", "CPF *** bloqueado"),
        ("loja desconhecida: 11222333000181", "loja desconhecida: 11222333000181"),
        ("empresa 12.ABC.345/01DE-35 inadimplente", "empresa *** inadimplente"),
        ("cliente MARIA APARECIDA DA SILVA bloqueado", "cliente *** bloqueado"),
        ("cliente: João Souza", "cliente: ***"),
        ("cliente sem limite", "cliente sem limite"),
        ('violates check constraint "venda_item_qtd_check"', 'violates check constraint "venda_item_qtd_check"'),
        ('invalid input syntax for type integer: "12 ABC"', 'invalid input syntax for type integer: "***"'),
        ("nome 'Fulano de Tal' repetido", "nome '***' repetido"),
        ("Key (cpf)=(123) already exists.", "Key (cpf)=(***) already exists."),
        ("Failing row contains (1, 2, Maria).", "Failing row contains (***)."),
        ("avise maria@example.com", "avise ***"),
        ("ligue (11) 98765-4321", "ligue ***"),
        ("\x1b[2Jproduto\r\n\tsem\u202e cadastro\x00", "[2Jproduto sem cadastro"),
        ("", ""),
    ],
)
def test_words(words: str, shown: str) -> None:
    assert presentable(words, known={"11222333000181"}) == shown


def test_they_are_short() -> None:
    shown = presentable("sem cadastro " * 1000)
    assert len(shown) <= LONGEST
    assert shown.endswith("…")


@pytest.mark.parametrize("endless", ["\u00e7", "1", "(", "'", "nome A", "row "])
def test_endless_words_are_not_searched_to_their_end(endless: str) -> None:
    """A megabyte of a procedure's took the poster hours, with every other sale behind it."""
    began = process_time()
    assert len(presentable(endless * 1_000_000)) <= LONGEST
    assert process_time() - began < 5


def test_the_documents_own_consumer_is_hidden_however_it_is_written() -> None:
    assert presentable("passaporte AB12345 vencido", secrets={"AB12345"}) == "passaporte *** vencido"
