"""A file's name says what it does, in the trade's words, and no two names of one room are taken for one another."""

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

import malote
from malote.cli import main

SOURCE = Path(malote.__file__).parent
# What stood here once and told nobody anything. ``services`` and ``reports`` of whom? ``common`` to what?
VAGUE = frozenset(
    {
        *(
            "around",
            "around_locks",
            "unkept",
            "deciding",
            "parts",
            "words",
            "figures",
            "situation",
            "seeing",
            "looking",
        ),
        *(
            "services",
            "reports",
            "common",
            "helpers",
            "utils",
            "misc",
            "before",
            "said",
            "told",
            "known",
            "found",
            "left",
        ),
        *("voice", "sight", "signs", "outside", "doubted", "witness", "lost", "by_hand", "failing", "judging", "held"),
        *("moving", "following", "unbooked", "luck", "learned", "signed", "said_twice", "in_line", "pulse", "asking"),
        *("seldom", "opening", "standing", "memory", "harmless", "second_look", "put_off", "names", "expecting"),
    }
)
# Rooms whose files are read together, so that a name in one is taken for that of the other.
TOGETHER = [{"schema", "structures"}, {"terminal", "cli"}]
# Pairs that stand, each with what tells them apart.
APART = {
    ("cli/store.py", "cli/stores.py"): "the commands `malote store` and `malote stores`",
    ("cli/till.py", "cli/tills.py"): "the commands of a till, and those about tills",
    ("accounts/user.py", "accounts/users.py"): "the value, and what is done to it",
}


# Classes of one name in several files, each with why it is one idea.
ONE_IDEA = {"Engine": "what a file of erp/ asks of a database engine, and no more of it than that"}


# Rooms too large to be looked over at once: their __init__ says what each file is for, group by group.
GUIDED = ("books", "erp", "fiscal", "quarantine", "spool", "till")


def _files() -> list[Path]:
    inside = (path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))
    return sorted(path for path in inside if path.name != "__init__.py" and "migrations" not in path.parts)


def _stem(word: str) -> str:
    """A word without what makes a noun or verb of it: apply, applying and applied are the same."""
    for ends in (("ings", "ing", "ed", "ers", "er", "s"), ("i", "e", "y")):
        end = next((one for one in ends if word.endswith(one) and len(word) - len(one) >= 3), "")
        word = word.removesuffix(end)
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _alike(files: list[Path]) -> list[tuple[str, str]]:
    by_name: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in files:
        room = path.parent.as_posix()
        shared = next((min(rooms) for rooms in TOGETHER if room in rooms), room)
        by_name[shared, "_".join(map(_stem, path.stem.split("_")))].append(path.as_posix())
    return [pair for names in by_name.values() for pair in itertools.combinations(sorted(names), 2)]


def test_no_file_has_a_name_that_says_nothing() -> None:
    # The pages of the console are named as they are in their address.
    found = [path.as_posix() for path in _files() if path.stem in VAGUE and "pages" not in path.parts]
    assert found == []


def test_no_two_files_are_named_almost_alike() -> None:
    assert [pair for pair in _alike(_files()) if pair not in APART] == []
    assert set(APART) <= set(_alike(_files())), "a pair that is no more"


def test_those_that_are_would_be_noticed() -> None:
    files = [Path("schema/apply.py"), Path("structures/applying.py"), Path("spool/queue.py")]
    assert _alike(files) == [("schema/apply.py", "structures/applying.py")]
    assert _alike([Path("structures/rollout.py"), Path("structures/rollouts.py")]) != []
    assert _alike([Path("books/gaps.py"), Path("spool/gaps.py")]) == []


def _classes(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """By name of a public class, the files that have one."""
    found: dict[str, list[str]] = defaultdict(list)
    for file, text in texts.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(file)
    return found


def test_a_search_for_a_class_finds_one() -> None:
    found = _classes({path.as_posix(): (SOURCE / path).read_text("utf-8") for path in _files()})
    assert len(found) > 800
    assert {name: files for name, files in found.items() if len(files) > 1 and name not in ONE_IDEA} == {}
    assert all(len(found[name]) > 1 for name in ONE_IDEA), "one that is no more"
    assert all(file.startswith("erp/") for file in found["Engine"])


def test_two_of_one_name_would_be_noticed() -> None:
    text = "class Rule: ...\nclass _Row: ...\n"
    assert _classes({"books/file.py": text, "locks/rule.py": text}) == {"Rule": ["books/file.py", "locks/rule.py"]}


@pytest.mark.parametrize("room", GUIDED)
def test_a_large_room_says_where_each_of_its_files_belongs(room: str) -> None:
    guide = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text("utf-8"))) or ""
    grouped = "".join(re.findall(r"^- .*(?:\n  .*)*", guide, re.M))
    named = set(re.findall(r"``(\w+)``", grouped))
    files = {path.stem for path in _files() if path.parent == Path(room)}
    assert named - files == set(), "named, and not there any more"
    assert files - named == set(), f"say in {room}/__init__.py which group it is of"


def test_every_file_of_the_command_line_adds_commands() -> None:
    """What commands share and adds none is in ``terminal/``."""
    texts = {path.stem: (SOURCE / path).read_text("utf-8") for path in _files() if path.parent == Path("cli")}
    of_groups = {part.module for parts in main._PARTS.values() for part in parts}
    lines = [line for text in texts.values() for line in re.findall(r"from malote\.cli[^(\n]*(?:\([^)]*\))?", text)]
    of_others = {name for name in texts if any(re.search(rf"\b{name}\b", line) for line in lines)}
    assert set(texts) - of_groups - of_others == {"pages"}
