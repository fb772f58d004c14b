"""Plays each trouble so many times: ``python -m tests.faults.troubles [NAME…] [--times N] [--jobs N] [--anew]``.

Each round is written down as it ends (``build/troubles/NAME.jsonl``): a run that was cut off goes on where it stopped,
and a trouble that is complete isn't played again before ``--anew`` puts its record aside. After a wrong round the rest
of the series is played in a new store. Exit status 1 unless every chosen trouble was right every time.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from tests.faults.troubles.records import RoundRecord, all_right, append, drawn, read

_HERE = Path(__file__).parent
TROUBLES = {
    "erp-restored": "test_erp_older.py::test_restored_to_yesterday",
    "standby-behind": "test_erp_older.py::test_a_standby_without_the_last_ten_seconds",
    "byte-changed": "test_erp_tampered.py::test_one_byte_changed",
    "row-doubled": "test_erp_tampered.py::test_one_row_doubled",
    "sale-deleted": "test_erp_tampered.py::test_a_sale_deleted",
    "till-disk-full": "test_disks_full.py::test_the_till",
    "server-disk-full": "test_disks_full.py::test_the_server",
    "store-damaged": "test_files_damaged.py::test_pages_of_the_store",
    "store-lost": "test_files_damaged.py::test_the_whole_store",
    "outbox-damaged": "test_files_damaged.py::test_pages_of_the_outbox_with_the_files_gone",
    "name-reused": "test_names_and_clocks.py::test_one_name_for_all_sales",
    "clock-set": "test_names_and_clocks.py::test_the_server_three_hours_ahead_and_back_while_the_erp_is_locked",
}

_FAILED = 1  # pytest's exit status where a test did


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.troubles", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(TROUBLES)}; all when absent")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="so many at once")
    parser.add_argument("--anew", action="store_true", help="puts earlier records of these aside, and begins at 1")
    parser.add_argument("--only-show", action="store_true", help="the table of what is written down; plays nothing")
    parser.add_argument("--into", type=Path, default=Path("build/troubles"), help="folder of the records")
    chosen = parser.parse_args()
    names = chosen.names or list(TROUBLES)
    if unknown := sorted(set(names) - set(TROUBLES)):
        parser.error(f"no trouble is called {', '.join(unknown)}")
    files = {name: chosen.into.absolute() / f"{name}.jsonl" for name in names}
    if not chosen.only_show:
        play_all(files, chosen.times, chosen.jobs, anew=chosen.anew)
    found = {name: read(file) for name, file in files.items()}
    Console(width=None if sys.stdout.isatty() else 160).print(drawn(found, chosen.times))
    return 0 if all_right(found, chosen.times) else 1


def play_all(files: dict[str, Path], times: int, jobs: int, *, anew: bool) -> None:
    for file in files.values():
        if anew and file.exists():
            file.rename(file.with_suffix(f".{time.strftime('%Y%m%d-%H%M%S')}.jsonl"))
    with ThreadPoolExecutor(jobs) as several:
        playing = [several.submit(play, name, file, times) for name, file in files.items()]
        try:
            for one in playing:
                one.result()
        except KeyboardInterrupt:
            several.shutdown(wait=False, cancel_futures=True)
            raise


def play(name: str, file: Path, times: int) -> None:
    """Until so many rounds are written down; each process that fails leaves a wrong one."""
    while (before := len(read(file))) < times:
        began = time.monotonic()
        status = _run(name, file, times)
        rounds = read(file)
        print(f"{name}: {sum(one.right for one in rounds)} of {len(rounds)} right", file=sys.stderr, flush=True)
        if status not in (0, _FAILED):
            return  # interrupted or killed: what was being played is played again next time
        if status and all(one.right for one in rounds[before:]):
            error = f"failed outside of a round, status {status}: see {file.with_suffix('.log')}"
            append(file, RoundRecord(turn=len(rounds), right=False, seconds=time.monotonic() - began, error=error))
        elif len(rounds) == before:
            return  # skipped: this machine lacks something that it needs


def _run(name: str, file: Path, times: int) -> int:
    environment = os.environ | {
        "MALOTE_SOAK": "1",
        "MALOTE_SOAK_TIMES": str(times),
        "MALOTE_SOAK_RECORD": str(file),
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "-s", str(_HERE / TROUBLES[name])]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".log").open("ab") as log:
        return subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
