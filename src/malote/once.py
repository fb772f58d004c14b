"""A part of something bigger that is made when it is first asked for: once, however many threads ask."""

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")
_making = RLock()  # one for all: a part may need another, and none takes long


class once(Generic[Made]):  # noqa: N801 - written as ``@property`` is
    """``@once`` over a method: its value stands in the object from then on."""

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Made:
        # Reached only until the value stands in the object itself.
        if instance is None:
            raise AttributeError(self._name)
        kept: dict[str, Any] = vars(instance)
        with _making:
            if self._name not in kept:
                kept[self._name] = self._make(instance)
        made: Made = kept[self._name]
        return made
