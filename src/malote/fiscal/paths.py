"""Rows of texts from elements: each field of a row class names the path of the element that feeds it.

``Annotated[str, "prod/cProd"]`` is the text of ``cProd`` in ``prod``; ``*`` stands for one element of any name,
``@nItem`` for an attribute. Nothing is found at another depth, and nothing is guessed: a field that stands in the
file twice with different texts is told, never chosen from.

Texts are as they are written: what white space around them means is for who reads the row.
What comes out depends only on the file's markup, never on a text: ``form_recognition`` relies on it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar, final, get_args, get_type_hints

from lxml import etree

_REMEMBERED = 500  # tags that a branch knows, those of no meaning included

Row = TypeVar("Row", bound=NamedTuple)


@final
class Branch(dict[str, "int | Branch | None"]):
    """What may stand in an element, by tag: a field's place in its row, what may stand further in, or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.any: Branch | None = None

    def __missing__(self, tag: str) -> "int | Branch | None":
        """What stands for a tag that isn't among those named: one in a namespace, or one of any name."""
        found: int | Branch | None = self.any
        if tag[0] == "{" and (named := self.get(tag[tag.rindex("}") + 1 :])) is not None:
            found = named
        if len(self) < _REMEMBERED:
            self[tag] = found
        return found

    def grow(self, steps: list[str], place: int) -> None:
        first, *rest = steps
        if not rest:
            self[first] = place
            return
        if first == "*":
            branch = self.any = self.any or Branch()
        else:
            found = self.setdefault(first, Branch())
            if not isinstance(found, Branch):
                raise TypeError(f"{first} can't be a field and hold fields")
            branch = found
        branch.grow(rest, place)


class Paths(Generic[Row]):
    """How rows of one class are filled."""

    def __init__(self, row: type[Row]) -> None:
        hints = get_type_hints(row, include_extras=True)
        self.of: dict[str, str] = {name: get_args(hints[name])[1] for name in row._fields}
        self.titles = _titles(self.of)
        self._names = [path.rpartition("/")[2] for path in self.of.values()]
        self.branch = Branch()
        self._attributes: list[tuple[int, str]] = []
        # ``_make`` without its count, which is always right here.
        self.made: Callable[[Iterable[str]], Row] = partial(tuple.__new__, row)
        for place, path in enumerate(self.of.values()):
            if path.startswith("@"):
                self._attributes.append((place, path[1:]))
            else:
                self.branch.grow(path.split("/"), place)

    def row(self, elements: Iterable[etree._Element], twice: list[str]) -> Row:
        """The row that the elements feed together; adds the names of fields that they say in two ways."""
        columns: list[int] = []
        texts: list[str] = []
        for element in elements:
            self._attributes_of(element, columns, texts)
            _gather(self.branch, element, columns, texts)
        return self.filled(*self.once(columns, texts, twice))

    def row_of_parts(self, element: etree._Element, parts: Iterable[etree._Element], twice: list[str]) -> Row:
        """The same of one element, of whose children only these matter."""
        columns: list[int] = []
        texts: list[str] = []
        self._attributes_of(element, columns, texts)
        for part in parts:
            branch = self.branch[part.tag]
            if isinstance(branch, Branch):
                _gather(branch, part, columns, texts)
        return self.filled(*self.once(columns, texts, twice))

    def fed(self, element: etree._Element) -> tuple[list[int], list[str]]:
        """The places in a row that the element feeds, and their texts; some may be there twice (``once``)."""
        columns: list[int] = []
        texts: list[str] = []
        self._attributes_of(element, columns, texts)
        _gather(self.branch, element, columns, texts)
        return columns, texts

    def filled(self, columns: Iterable[int], texts: Iterable[str]) -> Row:
        """The row with these texts in these places."""
        row = [""] * len(self.of)
        for column, text in zip(columns, texts, strict=True):
            row[column] = text
        return self.made(row)

    def _attributes_of(self, element: etree._Element, columns: list[int], texts: list[str]) -> None:
        for column, name in self._attributes:
            text = element.get(name)
            if text:
                columns.append(column)
                texts.append(text)

    def once(
        self, columns: Sequence[int], texts: Sequence[str], twice: list[str]
    ) -> tuple[Sequence[int], Sequence[str]]:
        """Each place once; adds the names of those that are fed with different texts."""
        if len(set(columns)) == len(columns):
            return columns, texts
        once: dict[int, str] = {}
        for column, text in zip(columns, texts, strict=True):
            known = once.setdefault(column, text)
            if known != text:
                if _differ(known, text):
                    twice.append(self._names[column])
                once[column] = text
        return list(once), list(once.values())


def _titles(paths: dict[str, str]) -> dict[str, str]:
    """What people call each field: its element's name, and its group's before it where several have that name."""
    last = {field: path.rpartition("/")[2] for field, path in paths.items()}
    shared = Counter(last.values())
    return {field: f"{paths[field].split('/')[1]}/{name}" if shared[name] > 1 else name for field, name in last.items()}


def _gather(branch: Branch, element: etree._Element, columns: list[int], texts: list[str]) -> None:
    """Adds what the element holds, as it is written, and the places of it. An empty element says nothing."""
    # In half the time of an iterator, of which there would be fourteen for each item; the stubs don't know it.
    for child in element.getchildren():  # type: ignore[attr-defined]
        found = branch[child.tag]
        if found is None:
            continue
        if type(found) is Branch:
            _gather(found, child, columns, texts)
            continue
        text = child.text
        if text:
            columns.append(found)
            texts.append(text)


def _differ(first: str, second: str) -> bool:
    first, second = first.strip(), second.strip()
    return bool(first and second) and first != second
