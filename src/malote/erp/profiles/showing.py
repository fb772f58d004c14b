"""A profile as TOML, to read or to start one's own from."""

import json
from typing import Any

import msgspec

from malote.erp.profiles.load_sources import LoadSource
from malote.erp.profiles.post import ProfileStatements
from malote.erp.profiles.profile import PARTS, MappedPart, Profile, Written


def as_toml(profile: Profile) -> str:
    """What ``read`` understands again, except for the built-in one's name, which is taken."""
    lines = [f"name = {_text(profile.name)}"]
    lines += [f"description = {_text(profile.description)}"] if profile.description else []
    lines += [f"schema = {_text(profile.schema)}"] if profile.schema else []
    lines += ["", "[ledger]", f"table = {_text(profile.ledger.table)}"]
    lines += ["", "[state]", f"table = {_text(profile.state.table)}"] if profile.state else []
    if profile.post is not None:
        lines += ["", "[post]"]
        lines += [f"{name} = {_statements(given)}" for name, given in _given(profile.post)]
    for part in PARTS:
        mapped = profile.part(part)
        if mapped is not None and profile.post is None:
            lines += ["", f"[{part}]", f"table = {_text(mapped.table)}", *_numbering(mapped), "", f"[{part}.columns]"]
            lines += [f"{_name(column)} = {_value(written)}" for column, written in mapped.columns.items()]
    for name, table in profile.lookup.items():
        lines += ["", f"[lookup.{_name(name)}]"]
        lines += [f"{_text(key)} = {_value(given)}" for key, given in table.items()]
    for name, query in profile.query.items():
        given: dict[str, str | list[str]] = {"sql": query.sql, "values": query.values, "absent": query.absent}
        lines += ["", f"[query.{_name(name)}]", *(f"{key} = {_statements(one)}" for key, one in given.items() if one)]
    for name, source in profile.load.items():
        lines += ["", f"[load.{_name(name)}]", *_source(source)]
    return "\n".join(lines) + "\n"


def _source(source: LoadSource) -> list[str]:
    """An entity of a load: what stands in no table of its own first, as TOML wants it."""
    given = msgspec.to_builtins(source)
    default = msgspec.to_builtins(LoadSource({}))
    lines = [f"{name} = {_written(one)}" for name, one in given.items() if name != "columns" and one != default[name]]
    return lines + [f"columns.{_name(name)} = {_written(one)}" for name, one in given["columns"].items()]


def _written(given: Any) -> str:
    match given:
        case dict():
            return f"{{ {', '.join(f'{_name(name)} = {_written(one)}' for name, one in given.items())} }}"
        case list():
            return _statements(given)
    return _value(given)


def _numbering(mapped: MappedPart) -> list[str]:
    given: dict[str, str | list[str]] = {
        "key": mapped.key,
        "sequence": mapped.sequence,
        "count": mapped.count,
        "rows": mapped.rows,
    }
    return [f"{name} = {_statements(one)}" for name, one in given.items() if one]


def _given(post: ProfileStatements) -> list[tuple[str, str | list[str]]]:
    return [(name, given) for name, given in msgspec.structs.asdict(post).items() if given]


def _statements(given: str | list[str]) -> str:
    return _text(given) if isinstance(given, str) else f"[{', '.join(_text(one) for one in given)}]"


def _name(name: str) -> str:
    return name if name.replace("_", "a").isalnum() and name.isascii() else _text(name)


def _value(value: Written) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
    return _text(value)


def _text(text: str) -> str:
    # TOML's basic strings are JSON's but for the slash and a few escapes that JSON doesn't write.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
