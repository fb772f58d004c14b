"""How long received files stay, and what is never deleted."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

import pytest

from malote.intake import received_folder
from malote.tills.till import Till

CAIXA1 = Till(1, "caixa1", "", 0.0, None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "entrada"


@pytest.fixture
def day(root: Path) -> Path:
    folder = root / "caixa1" / "recebidos" / "2026-01-10"
    folder.mkdir(parents=True)
    (folder / "provada.xml").write_bytes(b"proven")
    (folder / "rejeitada.xml").write_bytes(b"rejected")
    return folder


def proven(till: Till, hashes: Sequence[bytes]) -> Collection[bytes]:
    assert till == CAIXA1
    return [sha256 for sha256 in hashes if sha256 == hashlib.sha256(b"proven").digest()]


def test_only_what_is_proven_is_deleted_after_its_retention(root: Path, day: Path) -> None:
    assert received_folder.prune(root, [CAIXA1], date(2026, 1, 10), proven) == 0
    assert received_folder.prune(root, [CAIXA1], date(2026, 1, 11), proven) == 1
    assert [path.name for path in day.iterdir()] == ["rejeitada.xml"]


def test_an_emptied_day_disappears_and_the_inbox_is_untouched(root: Path, day: Path) -> None:
    (day / "rejeitada.xml").unlink()
    (root / "caixa1" / "venda.xml").write_bytes(b"proven")
    (root / "caixa1" / "recebidos" / "notas").mkdir()
    assert received_folder.prune(root, [CAIXA1], date(2026, 1, 11), proven) == 1
    assert sorted(path.name for path in (root / "caixa1" / "recebidos").iterdir()) == ["notas"]
    assert (root / "caixa1" / "venda.xml").exists()


def test_the_retention_counts_in_days() -> None:
    assert received_folder.first_day_kept(date(2026, 4, 10), 90) == date(2026, 1, 10)
