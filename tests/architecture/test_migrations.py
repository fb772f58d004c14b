"""Migrations stand in one line: two changes that each took the next number are seen before they meet on main."""

import re
from pathlib import Path

from malote.database import migrations

VERSIONS = Path(migrations.__file__).parent / "versions"


def test_each_follows_the_one_before() -> None:
    files = sorted(VERSIONS.glob("[0-9]*.py"))
    numbers = [path.name[:4] for path in files]
    assert numbers == [f"{number:04d}" for number in range(1, len(files) + 1)]
    for path, before in zip(files, [None, *numbers], strict=False):
        text = path.read_text(encoding="utf-8")
        said = re.search(r"^revision = (.+)$", text, re.M), re.search(r"^down_revision.* = (.+)$", text, re.M)
        expected = (f'"{path.name[:4]}"', f'"{before}"' if before else "None")
        assert tuple(one.group(1) if one else "" for one in said) == expected, path.name
