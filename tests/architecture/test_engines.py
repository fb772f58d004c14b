"""An ERP engine is one folder and one entry of one list: nothing else in the program names one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import malote
from malote.erp.engine_loader import has_part
from malote.erp_engines import BY_SCHEME, ENGINES

SOURCE = Path(malote.__file__).parent
LIST = SOURCE / "erp_engines.py"
FOLDERS = [SOURCE / "erp" / engine.name for engine in ENGINES]
NAMED = re.compile("|".join({*(name for name in BY_SCHEME if "+" not in name), *(one.driver for one in ENGINES)}))

# These two are also what Malote's own databases run on: the store's, the till's, and those that a demo makes.
OWN = ("postgresql", "postgres", "psycopg", "sqlite", "sqlite3")
ROOMS_OF_OTHER_DATABASES = {
    *(
        "accounts",
        "archive",
        "backup",
        "books",
        "config",
        "database",
        "demo",
        "disk.py",
        "private.py",
        "rebuild",
        "reconciliation",
    ),
    *(
        "register",
        "schema",
        "setup",
        "spool",
        "structures",
        "till",
        "tills",
        "findings",
        "loads",
        "quarantine",
        "posting",
        "alerts",
    ),
}
OTHERWISE = {
    "cli/demo.py": "chooses which databases a demo makes",
    "terminal/init_questions.py": "shows an address, as an example",
    "fiscal/reader.py": "tells a file by how it begins",
}
PARTS = ("engine", "faults", "types", "scratch")


def _names(path: Path) -> Iterator[tuple[int, str]]:
    """Engines that the program's own words name: in imports, names and texts, but not in docstrings and comments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        words: list[str] = []
        match node:
            case ast.Constant(value=str(text)) if id(node) not in told:
                words = [text]
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                words = [name]
            case ast.ImportFrom(module=str(name)):
                words = [name]
        for one in words:
            yield from ((getattr(node, "lineno", 0), found) for found in NAMED.findall(one.lower()))


def test_nobody_else_names_an_engine() -> None:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path == LIST or any(folder in path.parents for folder in FOLDERS):
            continue
        if path.relative_to(SOURCE).as_posix() in OTHERWISE:
            continue
        room = path.relative_to(SOURCE).parts[0]
        for line, name in _names(path):
            if not (name in OWN and room in ROOMS_OF_OTHER_DATABASES):
                found.append(f"{path.relative_to(SOURCE)}:{line} {name}")
    assert found == []


def test_each_engine_has_its_folder_with_all_that_is_asked_of_it() -> None:
    for engine in ENGINES:
        assert [part for part in PARTS if not has_part(engine.name, part)] == [], engine.name
    folders = {path.parent.name for path in (SOURCE / "erp").glob("*/engine.py")}
    assert folders == {engine.name for engine in ENGINES}
