"""The settings as they may leave the house: numbers and choices; of the rest only whether it is set."""

from typing import Any, get_args, get_origin

import msgspec

from malote.config import Settings
from malote.erp_engines import BY_SCHEME

_SCHEMES = frozenset({*BY_SCHEME, "http", "https"})  # what stands before :// may be anything else
_SET, _UNSET = "(set)", ""


def told(settings: Settings) -> dict[str, Any]:
    """Section by section. A text is told only where it is one of a few words that the settings themselves name."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        value = getattr(settings, field.name)
        if isinstance(value, msgspec.Struct):
            fields = msgspec.structs.fields(type(value))
            found[field.name] = {one.name: _value(one, getattr(value, one.name)) for one in fields}
        else:
            found[field.name] = _value(field, value)
    return found


def _value(field: msgspec.structs.FieldInfo, value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | dict):
        return {"count": len(value)}
    if not value:
        return _UNSET
    if get_origin(field.type) is not None and value in get_args(field.type):
        return value  # one of the words of a Literal
    if field.name.endswith("url"):
        scheme = str(value).partition("://")[0].lower()
        return f"{scheme}:{_SET}" if scheme in _SCHEMES else _SET
    return _SET
