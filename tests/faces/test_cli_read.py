"""``malote read``: on a screen and as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from malote.cli import read
from malote.cli.main import assemble
from malote.terminal import reading_json
from malote.terminal.command import FOUND, OK, WRONG_USAGE
from tests.unit.fiscal.notes import ISSUER, build_cancellation, build_note, build_void, key_of

ROOT = Path(__file__).resolve().parents[2]
KEYS = [
    "file", "kind", "key", "model", "cnpj", "series", "number", "issued_at", "environment", "emission",
    "authorised", "total", "items", "payments", "change", "problems", "warnings", "norm", "totals", "protocol", "event",
    "identity", "access_key", "issuer", "reason", "substitute", "sale_protocol", "void",
]  # fmt: skip
NOTE = build_note(payments=[("01", 3000)], change=410, consumer="11144477735")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MALOTE_CONFIG", raising=False)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(assemble(), ["read", *map(str, arguments)])


def objects(*arguments: str | Path, status: int = OK) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_sale_as_json(folder: Path) -> None:
    (folder / "a.xml").write_bytes(NOTE)
    (found,) = objects("a.xml")
    assert list(found) == KEYS
    assert (found["file"], found["kind"], found["key"]) == ("a.xml", "sale", key_of(NOTE))
    assert (found["model"], found["cnpj"], found["series"], found["number"]) == ("65", ISSUER, 1, 1)
    assert (found["issued_at"], found["environment"], found["emission"]) == ("2026-11-20T10:30:15-03:00", 1, 1)
    assert (found["authorised"], found["total"], found["change"]) == (True, "25.90", "4.10")
    assert found["payments"] == [
        {"method": "01", "amount": "30.00", "acquirer": "", "brand": "", "authorisation": "", "description": ""}
    ]
    assert (found["identity"], found["access_key"], found["issuer"]) == (key_of(NOTE), key_of(NOTE), ISSUER)
    assert found["problems"] == []
    (item,) = found["items"]
    assert (item["number"], item["code"], item["quantity"], item["gross"]) == (1, "1001", "1.0000", "25.90")
    assert item["product_code"] == item["code"]
    assert "11144477735" not in json.dumps(found)


def test_the_json_carries_taxes_totals_protocol_and_norm(folder: Path) -> None:
    (folder / "a.xml").write_bytes(build_note(total=2591, payments=[("01", 2591)]))
    (found,) = objects("a.xml")
    taxes = found["items"][0]["taxes"]
    assert (taxes["icms_status"], taxes["icms_rate"], taxes["icms_amount"]) == ("00", "18.0000", "4.66")
    assert (taxes["cbs_amount"], taxes["ibs_single_phase_amount"]) == ("0.23", "0.00")
    assert (found["totals"]["icms"], found["totals"]["total"]) == ("4.66", "25.91")
    assert (found["norm"], found["warnings"]) == ("NT2025.002", ["items_sum"])
    assert found["protocol"] == {
        "number": "135260000000001", "status": 100, "at": "2026-11-20T10:30:15-03:00", "alerts": [],
    }  # fmt: skip
    (folder / "b.xml").write_bytes(build_cancellation(key_of(NOTE)))
    (cancelled,) = objects("b.xml")
    assert cancelled["event"] == {"type": "110111", "sequence": 1, "description": ""}


def test_every_line_is_as_the_documented_schema_says(folder: Path) -> None:
    written = json.loads((ROOT / "docs" / "reading.schema.json").read_text(encoding="utf-8"))
    assert written == reading_json.schema(), "run: make docs"
    for number, raw in enumerate([NOTE, build_cancellation(key_of(NOTE)), build_void(), b"", NOTE[:900]]):
        (folder / f"{number}.xml").write_bytes(raw)
    for line in run(folder, "--json").stdout.splitlines():
        msgspec.json.decode(line, type=reading_json.DocumentRead, strict=True)
        assert set(json.loads(line)) == set(written["$defs"]["DocumentRead"]["required"])


def test_last_months_notes_are_read_by_next_years_rules(folder: Path) -> None:
    outside = NOTE.replace(b"</IBSCBSTot>", b"</IBSCBSTot><vNFTot>26.16</vNFTot>")
    (folder / "a.xml").write_bytes(outside)
    (folder / "b.xml").write_bytes(build_note(number=2))
    assert [one["norm"] for one in objects(folder)] == ["NT2025.002"] * 2
    first, second = objects(folder, "--on", "2027-01-04", status=FOUND)
    assert [one["code"] for one in first["problems"]] == ["items_sum", "payments_sum", "header_disagrees"]
    assert (first["norm"], second["norm"], second["problems"]) == ("NT2026.008", "NT2026.008", [])
    assert "NT2026.008" in run(folder, "--on", "2027-01-04").stdout
    assert run(folder, "--on", "soon").exit_code == WRONG_USAGE


def test_one_line_for_each_document_in_the_order_of_the_files(folder: Path) -> None:
    bare = [build_note(number=number, protocol=False, declaration="").decode() for number in (7, 8)]
    (folder / "z.xml").write_text(f"<enviNFe>{''.join(bare)}</enviNFe>", encoding="utf-8")
    (folder / "a.xml").write_bytes(build_void())
    (folder / "m.xml").write_bytes(build_cancellation(key_of(NOTE)))
    found = objects("z.xml", "a.xml", "m.xml")
    assert [one["file"] for one in found] == ["z.xml", "z.xml", "a.xml", "m.xml"]
    assert [one["kind"] for one in found] == ["sale", "sale", "number_void", "cancellation"]
    assert [one["number"] for one in found] == [7, 8, 10, 1]
    assert all(list(one) == KEYS for one in found)


def test_a_folder_s_xml_files_by_name(folder: Path) -> None:
    for name in ("b.xml", "a.XML", "c.txt"):
        (folder / name).write_bytes(NOTE)
    (folder / "d.xml").mkdir()
    assert [Path(one["file"]).name for one in objects(folder)] == ["a.XML", "b.xml"]


def test_a_pattern_that_the_shell_left_alone(folder: Path) -> None:
    for name in ("b.xml", "a.xml", "c.txt"):
        (folder / name).write_bytes(NOTE)
    assert [one["file"] for one in objects("*.xml")] == ["a.xml", "b.xml"]


def test_what_would_be_rejected(folder: Path) -> None:
    (folder / "good.xml").write_bytes(NOTE)
    (folder / "bad.xml").write_bytes(build_note(payments=[("01", 100)]))
    good, bad = objects("good.xml", "bad.xml", status=FOUND)
    assert good["problems"] == []
    (problem,) = bad["problems"]
    assert list(problem) == ["code", "severity", "message"]
    assert (problem["code"], problem["severity"]) == ("payments_sum", "reject")
    assert "25,90" in problem["message"]


def test_a_warning_rejects_nothing(folder: Path) -> None:
    (folder / "a.xml").write_bytes(build_note(consumer="11144477736"))
    (found,) = objects("a.xml")
    assert [problem["severity"] for problem in found["problems"]] == ["warning"]


@pytest.mark.parametrize(
    "content", [b"", b"\0\1\2", b"<a", b"\xff\xfe", NOTE[:3000], b"<!DOCTYPE a><a/>", b"[red]x[/]"]
)
def test_what_can_t_be_read_is_a_document_with_a_problem(folder: Path, content: bytes) -> None:
    (folder / "a.xml").write_bytes(content)
    (found,) = objects("a.xml", status=FOUND)
    assert list(found) == KEYS
    assert (found["kind"], found["items"], found["payments"]) == (None, [], [])
    assert found["problems"][0]["severity"] == "reject"
    shown = run("a.xml")
    assert shown.exit_code == FOUND
    assert "Traceback" not in shown.output


def test_the_limit_is_a_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.xml").write_bytes(NOTE)
    monkeypatch.setenv("MALOTE_INTAKE_MAX_DOCUMENT_BYTES", "1000")
    (found,) = objects("a.xml", status=FOUND)
    assert found["problems"][0]["code"] == "file_too_large"
    assert str(len(NOTE)) in found["problems"][0]["message"]


def test_a_file_that_the_system_won_t_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.xml").write_bytes(NOTE)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(read, "_opened", refuse)
    (found,) = objects("a.xml", status=FOUND)
    assert found["problems"][0]["code"] == "file_unreadable"
    assert "Permission denied" in found["problems"][0]["message"]


@pytest.mark.parametrize(
    "arguments", [(), ("nothing.xml",), ("a.xml", "nothing.xml"), ("--unknown", "a.xml"), ("x" * 5000,)]
)
def test_wrong_usage(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "a.xml").write_bytes(NOTE)
    result = run(*arguments)
    assert result.exit_code == WRONG_USAGE
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_an_empty_folder_is_wrong_usage(folder: Path) -> None:
    empty = run(folder)
    assert (empty.exit_code, "esse arquivo não existe" in empty.stderr) == (WRONG_USAGE, True)


@pytest.mark.parametrize(
    ("language", "words"), [("pt", ["Venda", "produção", "sim"]), ("en", ["Sale", "production", "yes"])]
)
def test_on_the_screen(folder: Path, monkeypatch: pytest.MonkeyPatch, language: str, words: list[str]) -> None:
    monkeypatch.setenv("MALOTE_LANGUAGE", language)
    (folder / "[bold]a.xml").write_bytes(NOTE)
    result = run("[bold]a.xml")
    assert result.exit_code == OK
    for word in [*words, key_of(NOTE), "25.90", "01: 30.00", "ARROZ TIPO 1 5KG", "[bold]a.xml"]:
        assert word in result.output
    assert "11144477735" not in result.output


def test_a_rejection_on_the_screen_tells_what_to_do_and_where_the_layout_is_broken(folder: Path) -> None:
    (folder / "a.xml").write_bytes(build_note(total=100).replace(b"<CRT>3", b"<CRT>9"))
    output = run("a.xml").output
    assert "[items_sum]" in output
    assert "O que fazer" in output
    assert "emit/CRT" in output


def test_names_that_are_no_text(folder: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has file names that are no text")
    name = os.fsdecode(b"caf\xe9\x1b[31m.xml")
    (folder / name).write_bytes(NOTE)
    (found,) = objects(folder)
    assert found["file"].endswith(".xml")
    assert "\x1b" not in run(name).output


def test_a_reader_that_goes_away_early_is_no_crash(folder: Path) -> None:
    for number in range(200):
        (folder / f"{number}.xml").write_bytes(NOTE)
    command = [sys.executable, "-c", "from malote.cli.main import main; main()", "read", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
