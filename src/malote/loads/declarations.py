"""The entities of this store's loads: what Malote declares of each (entities.toml), and where the ERP keeps it."""

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.load_sources import LoadColumn, LoadSource, source_of
from malote.load_format.entity import Entity, EntityColumn
from malote.loads.row_rules import RULES
from malote.wire import MOST_ENTITIES

_LONGEST_FILE = 1_000_000  # bytes


class DeclaredColumn(EntityColumn, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """``absent``: what a null of the ERP's means, in a key. ``rule``: of ``row_rules``. ``no_row_without``: where it is
    empty there is nothing to load, and nothing is wrong. ``digits``: how many a code has, whose zeros in front a number
    lacks."""

    absent: str | None = None
    rule: str = ""
    no_row_without: bool = False
    digits: int = 0

    @property
    def plain(self) -> EntityColumn:
        """As it is part of the entity's digest."""
        return EntityColumn(**{name: getattr(self, name) for name in EntityColumn.__struct_fields__})


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``may_be_empty``: a store may well have none of it."""

    key: tuple[str, ...]
    columns: tuple[DeclaredColumn, ...]
    may_be_empty: bool = False


class Loaded(msgspec.Struct, frozen=True):
    """An entity, and where it comes from. ``columns`` are in the entity's order, as are ``sources``: the ERP's column,
    a constant, or None where the ERP has nothing of the kind. ``may_be_empty``: whether it reaches tills without a
    row."""

    entity: Entity
    columns: tuple[DeclaredColumn, ...]
    sources: tuple[str | int | bool | None, ...]
    source: LoadSource
    may_be_empty: bool = False


@cache
def built_in() -> dict[str, Declaration]:
    """What Malote knows of by itself, by name."""
    text = (resources.files(__package__) / "entities.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Declaration])


def loaded(sources: dict[str, LoadSource], where: str) -> dict[str, Loaded]:
    """Of each source its entity, by name. Raises ``ProfileError``."""
    if len(sources) > MOST_ENTITIES:
        raise ProfileError(where, f"at most {MOST_ENTITIES} entities")
    for name in sources:
        if name.startswith("sqlite_"):  # at a till an entity is a view
            raise ProfileError(where, f"load.{name}: names that begin with sqlite_ are SQLite's own")
        if name.endswith("_now") and name.removesuffix("_now") in sources:
            raise ProfileError(
                where, f"load.{name}: so is called what is valid now of load.{name.removesuffix('_now')}"
            )
    return {name: _loaded(name, source, f"{where}: load.{name}") for name, source in sources.items()}


def read_sources(path: Path) -> dict[str, LoadSource]:
    """The ``[load.…]`` of a file of nothing else. Raises ``ProfileError``."""

    class File(msgspec.Struct, forbid_unknown_fields=True):
        load: dict[str, LoadSource]

    try:
        if path.stat().st_size > _LONGEST_FILE:
            raise ProfileError(str(path), f"longer than {_LONGEST_FILE} bytes")
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), File).load
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(str(path), getattr(error, "strerror", None) or "no UTF-8 text") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(str(path), str(error)) from error
    for name, source in found.items():
        source.refuse_unusable(f"{path}: load.{name}")
    return found


def _loaded(name: str, source: LoadSource, where: str) -> Loaded:
    known = built_in().get(name)
    declared = {column.name: column for column in known.columns} if known else {}
    if known and source.key:
        raise ProfileError(where, f"the key of {name} is Malote's: {', '.join(known.key)}")
    for column, written in source.columns.items():
        if isinstance(written, LoadColumn):
            given = {one: getattr(written, one) for one in LoadColumn.__struct_fields__ if one != "column"}
            stays = column in declared and declared[column].no_row_without
            declared[column] = DeclaredColumn(name=column, no_row_without=stays, **given)
        elif column not in declared:
            if known:
                raise ProfileError(where, f"{name} has no column {column}; one of your own says its kind")
            declared[column] = DeclaredColumn(name=column)
    columns = tuple(declared.values())
    mapped = tuple(source_of(source.columns[one.name]) if one.name in source.columns else None for one in columns)
    try:
        entity = Entity(name, known.key if known else tuple(source.key), tuple(one.plain for one in columns))
        msgspec.json.decode(entity.declaration, type=Entity)  # sizes and names
    except (ValueError, msgspec.ValidationError) as error:
        raise ProfileError(where, str(error)) from error
    for one, source_column in zip(columns, mapped, strict=True):
        needed = one.required or one.name in entity.key
        if source_column is None and needed and one.absent is None:
            raise ProfileError(where, f"{one.name} must be there")
        if one.rule and one.rule not in RULES:
            raise ProfileError(where, f"no rule {one.rule}")
    return Loaded(entity, columns, mapped, source, source.may_be_empty or bool(known and known.may_be_empty))
