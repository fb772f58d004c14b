"""The load in files for a POS: as asked, whole, anew at a dated price's minute, and not again for nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from malote.config import Settings, SettingsError, load
from malote.config.sections import LoadFileSettings, TillLoadsSettings
from malote.disk import DISK, Disk
from malote.load_format.entity import Entity, EntityColumn
from malote.till import setup
from malote.till.loads import loads_report
from malote.till.loads.output_files import OutputFiles
from malote.till.loads.output_formats import OutputError, lines
from malote.till.setup import SetupError
from tests.loads_support import PRICE, LoadedTill, price
from tests.unit.faulty_disk import FULL, FaultyDisk

NINE = datetime(2026, 11, 28, 9, tzinfo=UTC).timestamp()
TEN, ELEVEN = "2026-11-28T10:00:00Z", "2026-11-28T11:00:00Z"
ROWS = [price("1", "1.50"), price("1", "1.20", TEN, ELEVEN), price("2", "30.00")]
GOODS = Entity(
    "product",
    ("code",),
    (EntityColumn("code"), EntityColumn("name"), EntityColumn("price", "decimal"), EntityColumn("sold", "boolean")),
)
GOOD = ("7", 'Pão "francês"; kg', "12.50", True)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[LoadedTill]:
    made = LoadedTill(tmp_path)
    with made.outbox:
        made.depot.stage((PRICE, ROWS))
        made.obey(made.depot.order_of(1))
        yield made


def _files(till: LoadedTill, *asked: LoadFileSettings, disk: Disk = DISK) -> OutputFiles:
    asked = asked or (LoadFileSettings("price", "p.csv", columns=["product", "price"]),)
    folder = till.outbox.path.parent / "cargas"
    return OutputFiles(till.outbox.path, TillLoadsSettings(str(folder), list(asked)), disk)


def _text(till: LoadedTill, name: str = "p.csv") -> str:
    return (till.outbox.path.parent / "cargas" / name).read_text("utf-8")


def test_each_price_is_in_the_file_from_its_minute_to_its_end(till: LoadedTill) -> None:
    files = _files(till)
    assert files.write_due(NINE) == ["p.csv"]
    assert _text(till).splitlines() == ["product;price", "1;1.50", "2;30.00"]
    assert files.write_due(NINE + 3599) == []
    assert files.write_due(NINE + 3600) == ["p.csv"]
    assert "1;1.20" in _text(till)
    assert _files(till).write_due(NINE + 3700) == [], "nor after a restart"
    assert files.write_due(NINE + 7200) == ["p.csv"]
    assert "1;1.50" in _text(till)
    assert files.write_due(NINE + 10**9) == [], "no row begins or ends any more"
    assert files.write_due(NINE + 3600) == ["p.csv"], "the clock was set back"
    assert "1;1.20" in _text(till)


def test_another_load_one_taken_back_and_other_settings_write_it_anew(till: LoadedTill) -> None:
    files = _files(till)
    files.write_due(NINE)
    (till.outbox.path.parent / "cargas" / "p.csv").unlink()
    assert files.write_due(NINE) == [], "a POS that takes its file away gets it once"
    till.obey(till.depot.order_of(till.depot.stage((PRICE, [price("3", "5.00")]))))
    assert files.write_due(NINE) == ["p.csv"]
    assert _text(till).splitlines() == ["product;price", "3;5.00"]
    loads_report.roll_back(till.outbox.path, NINE, dry_run=False)
    assert files.write_due(NINE) == ["p.csv"]
    assert "2;30.00" in _text(till)
    every = _files(till, LoadFileSettings("price", "p.csv", columns=["price"], rows="all", line_end="\n"))
    assert every.write_due(NINE) == ["p.csv"]
    assert _text(till) == "price\n1.50\n1.20\n30.00\n"


def test_one_that_cannot_be_written_keeps_no_other(till: LoadedTill) -> None:
    wrong = LoadFileSettings("price", "x.txt", format="fixed", template="{price:03}")
    files = _files(till, wrong, LoadFileSettings("price", "p.csv"), LoadFileSettings("nothing", "n.csv"))
    with pytest.raises(OutputError, match=r"price: 4 > 3; n\.csv: nothing ≠ price"):
        files.write_due(NINE)
    assert "30.00" in _text(till)
    assert not (till.outbox.path.parent / "cargas" / "x.txt").exists()


def test_a_full_disk_leaves_the_file_before_it(till: LoadedTill) -> None:
    disk = FaultyDisk()
    files = _files(till, disk=disk)
    files.write_due(NINE)
    before = _text(till)
    till.obey(till.depot.order_of(till.depot.stage((PRICE, [price("3", "5.00")]))))
    for step in ("new_file", "sync", "rename"):
        disk.fails = lambda what, _name, step=step: FULL if what == step else None  # type: ignore[misc]
        with pytest.raises(OSError, match="No space"):
            files.write_due(NINE)
        assert _text(till) == before
    disk.fails = lambda _what, _name: None
    assert files.write_due(NINE) == ["p.csv"]


FIXED = "P{code:>4}{name:<5}{price!d:08}{sold:01}."
LINES: list[tuple[dict[str, object], bytes]] = [
    ({}, '7;"Pão ""francês""; kg";12.50;1\r\n'.encode()),
    ({"separator": "|", "decimal": ","}, '7|"Pão ""francês""; kg"|12,50|1\r\n'.encode()),
    ({"columns": ["name"], "encoding": "cp1252"}, '"Pão ""francês""; kg"\r\n'.encode("cp1252")),
    ({"format": "jsonl", "line_end": "\n", "columns": ["price", "sold"]}, b'{"price":"12.50","sold":true}\n'),
    ({"format": "fixed", "template": FIXED}, 'P   7Pão "000012501.\r\n'.encode()),
]


@pytest.mark.parametrize(("asked", "line"), LINES)
def test_a_line_is_as_the_settings_say(asked: dict[str, object], line: bytes) -> None:
    settings = msgspec.convert({"entity": "product", "name": "x"} | asked, LoadFileSettings)
    assert list(lines(settings, GOODS, [GOOD]))[-1] == line


WRONG = [
    'name = "../x.csv"',
    'name = ""',
    'name = ".x"',
    'name = "x"\nformat = "fixed"',
    'name = "x"\ntemplate = "{code:<3}"',
    'name = "x"\nformat = "fixed"\ntemplate = "{code.__class__:<3}"',
    'name = "x"\nformat = "fixed"\ntemplate = "{code}"',
    'name = "x"\nformat = "fixed"\ntemplate = "{code"',
    'name = "x"\nformat = "xml"',
    'name = "x"\nseparator = ";;"',
]


@pytest.mark.parametrize("file", WRONG)
def test_settings_that_cannot_be_meant_are_refused_at_the_start(tmp_path: Path, file: str) -> None:
    path = tmp_path / "malote.toml"
    text = (
        '[till]\nfolder = "xml"\ntoken = "t"\n[till.loads]\nfolder = "cargas"\n[[till.loads.files]]\nentity = "price"\n'
    )
    path.write_text(text + file, encoding="utf-8")
    with pytest.raises((SetupError, SettingsError)):
        setup.prepare(load(path, {}))
    path.write_text(text + 'name = "x.csv"', encoding="utf-8")
    settings: Settings = load(path, {})
    assert setup.prepare(settings).settings.loads.folder == str(settings.home_path / "cargas")
