"""The guess as a profile's TOML, with what is unsure of it said beside."""

import re
from collections.abc import Callable, Iterator, Sequence

from malote.bilingual import Bilingual
from malote.erp.ordinary_tables import USUAL_TAXES
from malote.erp.suggesting.field_rules import FORMATS, TILL, directions
from malote.erp.suggesting.filling import SuggestedLine, lines
from malote.erp.suggesting.guessing import (
    Tables,
    chosen,
    counted_key,
    drawn_key,
    is_key,
    key_of_many,
    own_key,
    sale_key,
    sequences_of_stores,
)
from malote.erp.suggesting.lookup_queries import listed, query, store
from malote.erp.suggesting.method_lookup import LOOKUP, method_lookup
from malote.erp.suggesting.spelling import Place, Spelling
from malote.erp.suggesting.table_catalogue import CatalogueTable, TableCatalogue
from malote.rejection import Language

Smallest = Callable[[str, str], int | None]
PARTS = ("sale", "note", "item", "tax", "payment", "movement", "stock")
_SELDOM = ("stock", "note")  # whose absence is not worth a word
_LOOKED_UP = ("store", "product", "method")
_MOST_NAMED = 30
_BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key of TOML that needs no quotes


class NothingFoundError(LookupError):
    """``facts`` are the reason's: what there is."""

    def __init__(self, known: TableCatalogue) -> None:
        seen = {"tables": list(known.tables), "views": known.views, "schemas": known.schemas}
        self.facts = {name: _short(some) for name, some in seen.items()}
        super().__init__(self.facts["tables"])


def _short(names: Sequence[str]) -> str:
    return ", ".join([*names[:_MOST_NAMED], "…"] if len(names) > _MOST_NAMED else names) or "–"


def suggested(
    known: TableCatalogue,
    name: str,
    language: Language,
    spelling: Spelling,
    smallest: Smallest = lambda *_: None,
    schema: str = "",
) -> str:
    """``spelling``: of the engine that will run the queries. ``smallest`` gives a number that stands in a column of a
    table, for a foreign key of which nothing else is known.

    Raises ``NothingFoundError`` where nothing looks like a sale with items.
    """
    tables = chosen(known)
    if "sale" not in tables.parts or "item" not in tables.parts:
        raise NothingFoundError(known)
    words = _WORDS.of(language)
    written = [f"# {line}" for line in words["top"].split("\n")]
    written += [f'name = "{name}"', *([f'schema = "{schema}"'] if schema else []), ""]
    written += ["[ledger]", 'table = "malote_ledger"', "", "[state]", 'table = "malote_state"']
    for part in PARTS:
        if part in tables.parts:
            written += ["", *_part(part, tables, words, smallest)]
        elif part not in _SELDOM:
            written += ["", f"# {words['no_part'].format(part=part)}"]
    written += _directions(tables, words)
    written += _methods(tables, words)
    for looked_up in _LOOKED_UP:
        if looked_up in tables.parts:
            written += ["", *query(looked_up, tables, words, Place(spelling, schema))]
    written += _worked_out("\n".join(written), tables, Place(spelling, schema))
    return "\n".join([*written, "", *_left_out(tables, words)]) + "\n"


def _left_out(tables: Tables, words: dict[str, str]) -> Iterator[str]:
    """Tables that get nothing, and why."""
    for name in tables.by_trigger:
        yield f"# {words['by_trigger'].format(table=name)}"
    if tables.by_item:
        yield f"# {words['by_item'].format(table=tables.by_item)}"
    used = {found.name for found in tables.parts.values()} | {*tables.by_trigger, tables.by_item}
    key = sale_key(tables)
    unused = [found for name, found in tables.known.items() if name not in used]
    for found in unused:
        if key and key in found.columns and any(map(is_key, found.columns.values())):
            yield f"# {words['beside'].format(table=found.name)}"
    yield f"# {words['unused'].format(tables=', '.join(found.name for found in unused) or '–')}"


def _worked_out(profile: str, tables: Tables, place: Place) -> Iterator[str]:
    """The queries that need no table: days and hours as the ERP writes them, numbers drawn of sequences."""
    own = place.spelling.own
    shapes = {"hour": own.HOUR, "day_number": own.DAY_NUMBER, "hour_number": own.HOUR_NUMBER}
    shapes |= {name: own.moment_as(shape) for name, shape in FORMATS.items()}
    for name, sql in shapes.items():
        if f"query('{name}'" in profile:
            yield from ("", f"[query.{name}]", f'sql = "{sql}"', 'values = ["moment"]')
    if "query('next_sale'" in profile:
        found, values = store(tables, place)
        drawn = f"'{place.of(sequences_of_stores(tables))}' || ({found})"
        yield from ("", "[query.next_sale]", f'sql = """select nextval({drawn}) where :sale is not null"""')
        yield f"values = [{listed(['sale', *values])}]"
    for part in PARTS[1:]:
        if f"query('next_{part}'" in profile:
            drawn = own.drawn(place.of(_sequence(part, tables)))
            sql = f"select {drawn} where :sale is not null and :row is not null"
            yield from ("", f"[query.next_{part}]", f'sql = """{sql}"""', 'values = ["sale", "row"]')


def _sequence(part: str, tables: Tables) -> str:
    """The sequence whose name says most of the table's or its key's."""
    wanted = _words_of(tables.parts[part].name) | _words_of(drawn_key(part, tables))
    return max(tables.sequences, key=lambda one: (len(_words_of(one) & wanted), -len(one)))


def _words_of(name: str) -> set[str]:
    """Also cut short to three letters, as keys often are."""
    parts = re.findall(r"[a-z]+", name.lower())
    return {*parts, *(part[:3] for part in parts)}


def _part(part: str, tables: Tables, words: dict[str, str], smallest: Smallest) -> Iterator[str]:
    table = tables.parts[part]
    yield f"[{part}]"
    yield f'table = "{table.name}"'
    if part in ("sale", "item") and (key := own_key(table) or drawn_key(part, tables)):
        yield f'key = "{key}"'
        if not own_key(table):
            yield f'sequence = "{_sequence(part, tables)}"  # ? {words["sequence"]}'
    elif part == "sale" and (several := key_of_many(tables)):
        yield f"key = [{listed(several)}]"
        if (counted := counted_key(tables)) and not sequences_of_stores(tables):
            yield f'count = "{counted}"  # ? {words["count"]}'
    if part == "tax" and (rows := _rows(table, tables)):
        yield f"rows = [{listed(rows)}]  # {words['short']}"
    yield ""
    yield f"[{part}.columns]"
    for line in lines(part, tables):
        yield _line(line, table, words, smallest)
    for name in table.unnamed:
        yield f"# {' '.join(name.split())} = ?  {words['unnamed']}"


def _rows(table: CatalogueTable, tables: Tables) -> list[str]:
    """The taxes whose names have room; none where all of the usual ones do."""
    named = next((line.column for line in lines("tax", tables) if line.value == "tax"), "")
    room = table.columns[named].length if named else None
    fit = [name for name in USUAL_TAXES if room is None or len(name) <= room]
    return fit if len(fit) < len(USUAL_TAXES) else []


def _line(line: SuggestedLine, table: CatalogueTable, words: dict[str, str], smallest: Smallest) -> str:
    if not line.value:
        return f"# {line.column} = ?  {words[line.doubt]}"
    column = line.column if _BARE.fullmatch(line.column) else f'"{line.column}"'
    if line.value == TILL:
        return f'{column} = "series"  # ? {words["till"]}'
    written = line.value if _is_bare(line.value) else f'"{line.value}"'
    if not line.doubt:
        return f"{column} = {written}"
    refers = table.refers.get(line.column)
    if line.doubt != "required" or refers is None:
        return f"{column} = {written}  # ? {words[line.doubt]}"
    there = smallest(*refers)
    return f"{column} = {written if there is None else there}  # ? {words['refers'].format(table=refers[0])}"


def _is_bare(value: str) -> bool:
    """A number or a truth value of TOML."""
    return value in ("true", "false") or value.lstrip("-").isdigit()


def _directions(tables: Tables, words: dict[str, str]) -> list[str]:
    movement = tables.parts.get("movement")
    if movement is None:
        return []
    named = [line.column for line in lines("movement", tables) if line.value.startswith("lookup(")]
    if not named:
        return []
    out, back, told = directions(movement.columns[named[0]])
    unsure = "" if told else f"  # ? {words['direction']}"
    quoted = "" if movement.columns[named[0]].kind == "integer" else '"'
    return ["", "[lookup.direction]", f"out = {quoted}{out}{quoted}{unsure}", f"in = {quoted}{back}{quoted}"]


def _methods(tables: Tables, words: dict[str, str]) -> list[str]:
    payment = tables.parts.get("payment")
    named = [line.column for line in lines("payment", tables) if line.value == LOOKUP] if payment else []
    return list(method_lookup(payment.columns[named[0]], words["methods"])) if payment and named else []


_WORDS: Bilingual[dict[str, str]] = Bilingual(
    {
        "top": "Um primeiro perfil, adivinhado pelos nomes e tipos das tabelas: docs/erp-profiles.md.\n"
        'Confira o que está marcado com "# ?"; depois: malote erp create, malote erp profile check,\n'
        "malote erp try NOTA.xml.",
        "no_part": "Nada parece ser [{part}]: se houver, escreva; se não, fica de fora.",
        "left": "(não se grava)",
        "unnamed": "(um perfil não alcança este nome: se for obrigatória, dê-lhe um padrão, um gatilho ou uma visão)",
        "filled": "(um gatilho do ERP a preenche)",
        "count": "uma a mais que a maior que há; ou sequence, se uma sequência a numera",
        "sign": "abaixo de zero o que sai?",
        "till": "o número do PDV; aqui a série da nota",
        "required": "obrigatória, e ninguém sabe o quê",
        "refers": "obrigatória: um código que existe em {table}",
        "sequence": "a sequência de que sai o número",
        "format": "assim se escreve ali?",
        "amount": "este valor?",
        "state": "o que diz cancelada e ativa?",
        "by_trigger": "{table}: quem grava são os gatilhos do próprio ERP; o Malote não.",
        "by_item": "{table} nomeia só o item: um perfil não a alcança. Um gatilho nos itens a grava, ou [post].",
        "beside": "{table} guarda a chave ao lado da venda: um perfil não a alcança; se o ERP precisa dela, [post].",
        "short": "os nomes que cabem na coluna",
        "direction": "o que diz saída e entrada?",
        "methods": "por que código da nota (tPag) se paga assim? Um que falte é recusado",
        "unused": "Tabelas que não parecem da venda: {tables}",
        "store": "loja sem cadastro",
        "product": "produto sem cadastro",
        "method": "forma de pagamento sem cadastro",
    },
    {
        "top": "A first profile, guessed from the tables' names and types: docs/erp-profiles.md.\n"
        'Check what is marked "# ?"; then: malote erp create, malote erp profile check,\n'
        "malote erp try NOTE.xml.",
        "no_part": "Nothing looks like [{part}]: write it if there is one; if not, it is left out.",
        "left": "(not written)",
        "unnamed": "(no profile can have this name: if it is required, give it a default, a trigger or a view)",
        "filled": "(a trigger of the ERP's fills it)",
        "count": "one more than the greatest there is; or sequence, where one numbers it",
        "sign": "below zero what goes out?",
        "till": "the number of the till; here the note's series",
        "required": "required, and nobody knows what",
        "refers": "required: a code that exists in {table}",
        "sequence": "the sequence that the number is drawn from",
        "format": "is it so written there?",
        "amount": "this amount?",
        "state": "what says cancelled and active?",
        "by_trigger": "{table}: the ERP's own triggers write it; Malote doesn't.",
        "by_item": "{table} names the item alone: no profile reaches it. A trigger on the items writes it, or [post].",
        "beside": "{table} holds the key beside the sale: no profile reaches it; if the ERP needs it, [post].",
        "short": "the names that the column has room for",
        "direction": "what says out and in?",
        "methods": "by which code of the note (tPag)? One that is missing is refused",
        "unused": "Tables that don't look like the sale's: {tables}",
        "store": "store unknown",
        "product": "product unknown",
        "method": "method of payment unknown",
    },
)
