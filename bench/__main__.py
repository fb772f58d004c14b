"""Runs every benchmark: ``python -m bench [NAME…] [--json FILE]``.

Each figure stands beside a bound measured in the same run; what counts is the ratio. Machines are noisy: compare
ratios, never figures of different runs.
"""

import argparse
import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

NAMES = (
    "reader",
    "intake",
    "posting",
    "end_to_end",
    "rollout",
    "loads",
    "till_loads",
    "load_fleet",
    "hostile",
    "first_paint",
)


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}; all when absent")
    arguments.add_argument("--json", type=Path, default=Path("bench/results/latest.json"), help="where the figures go")
    chosen = arguments.parse_args()
    unknown = sorted(set(chosen.names) - set(NAMES))
    if unknown:
        arguments.error(f"no benchmark is called {', '.join(unknown)}")
    rows: list[dict[str, Any]] = []
    for name in chosen.names or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"bench.{name}").run()
    Console().print(table(rows))
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    report = {"at": datetime.now(UTC).isoformat(), **machine, "rows": rows}
    chosen.json.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


def table(rows: list[dict[str, Any]]) -> Table:
    drawn = Table(title="Measured in this run")
    for heading in ("what", "value", "unit", "bound", "ratio"):
        drawn.add_column(heading, justify="left" if heading in ("what", "unit") else "right")
    for row in rows:
        drawn.add_row(
            row["name"],
            f"{row['value']:,.0f}",
            row["unit"],
            "" if row.get("bound") is None else f"{row['bound']:,.0f}",
            "" if row.get("ratio") is None else f"{row['ratio']:.2f}",
        )
    return drawn


if __name__ == "__main__":
    sys.exit(main())
