"""The scripts of a page share one room for names: where two declare the same one, the second does nothing at all."""

import re
from collections import Counter

from malote.console.rendering import static_files

_DECLARED = re.compile(r"^(?:async )?(?:function|const|let|class) ([A-Za-z_$][\w$]*)", re.MULTILINE)


def test_no_name_is_declared_by_two_scripts_of_a_page() -> None:
    scripts = {name: content.decode() for name, content in static_files().items() if name.endswith(".js")}
    own = {name: set(_DECLARED.findall(text)) for name, text in scripts.items() if not name.startswith("vendor/")}
    assert len(own["console.js"]) > 20, "what is looked for is found"
    counted = Counter(name for names in own.values() for name in names)
    assert [name for name, count in counted.items() if count > 1] == []
