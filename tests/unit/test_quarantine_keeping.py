"""Rejected documents on disk: found again by people, and never outside their folder."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from malote.fiscal.problems import reject
from malote.quarantine import rejected_files
from malote.quarantine.rejected_files import RejectedFile, keep, listing
from malote.spool.documents import Reason, RejectedDocument
from malote.tills.till import TillError

KEY = "35261112ABC34501DE35650010000000011000000010"
CONTENT = b"<nfeProc>1</nfeProc>"
PROBLEM = reject("series_of_another_till", owner="caixa2", series="1", model="65", issuer="12ABC34501DE35")
REJECTED = RejectedDocument(
    till="caixa1",
    file_name="..\\..\\venda 1.xml",
    file_sha256=hashlib.sha256(CONTENT).digest(),
    position=0,
    content=CONTENT,
    reason=Reason(PROBLEM.code, PROBLEM.facts, [PROBLEM]),
    access_key=KEY,
    kind="sale",
    rejected_at=1_795_176_000.5,
)


def changed(**values: object) -> RejectedDocument:
    return msgspec.structs.replace(REJECTED, **values)


def test_the_document_and_its_sidecar(tmp_path: Path) -> None:
    path = keep(tmp_path / "rejeitados", REJECTED)
    assert path.parent == tmp_path / "rejeitados" / "caixa1"
    assert path.name.startswith(KEY)
    assert path.read_bytes() == CONTENT
    said = json.loads(path.with_suffix(".json").read_bytes())
    assert (said["till"], said["file_name"], said["position"]) == ("caixa1", "..\\..\\venda 1.xml", 0)
    assert (said["sha256"], said["access_key"]) == (REJECTED.file_sha256.hex(), KEY)
    assert (said["code"], said["cure"]) == ("series_of_another_till", "support")
    assert set(said["title"]) == {"pt", "en"}
    assert "caixa2" in said["cause"]["pt"]
    assert "caixa2" in said["cause"]["en"]
    assert said["remedy"]["pt"]
    assert said["problems"][0]["facts"]["owner"] == "caixa2"
    assert said["rejected_at"].startswith("2026-11-20T12:00:00.5")


def test_the_same_document_takes_the_same_place(tmp_path: Path) -> None:
    path = keep(tmp_path, REJECTED)
    assert keep(tmp_path, REJECTED) == path
    assert keep(tmp_path, changed(reason=Reason("series_unassigned"))) == path
    assert len(list(path.parent.iterdir())) == 2
    [kept] = listing(tmp_path)
    assert kept.sidecar is not None
    assert kept.sidecar.code == "series_unassigned"


def test_other_documents_take_other_places(tmp_path: Path) -> None:
    others = [REJECTED, changed(position=1), changed(file_sha256=b"\1" * 32), changed(till="caixa2")]
    assert len({keep(tmp_path, one) for one in others}) == 4


def test_what_was_damaged_by_hand_is_mended(tmp_path: Path) -> None:
    path = keep(tmp_path, REJECTED)
    path.write_bytes(b"edited")
    keep(tmp_path, REJECTED)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("till", ["..", "../caixa1", "a/b", "a\\b", "", "CON", "/etc", "a\0b", "."])
def test_no_till_leads_out_of_the_folder(tmp_path: Path, till: str) -> None:
    folder = tmp_path / "rejeitados"
    with pytest.raises(TillError):
        keep(folder, changed(till=till))
    with pytest.raises(TillError):
        list(listing(folder, till))
    assert not folder.exists()


@pytest.mark.parametrize("key", ["../../x", "a" * 44, "", None, KEY + "/", KEY[:-1] + "\n", "\ud800", "x" * 5000])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str | None) -> None:
    path = keep(tmp_path, changed(access_key=key, file_name="\udcff" * 3 + "/../" * 2000))
    assert path.parent == tmp_path / "caixa1"
    assert path.name == f"{REJECTED.file_sha256.hex()[:32]}-0.xml"
    [kept] = listing(tmp_path, "caixa1")
    assert kept.sidecar is not None


def test_listing_by_till(tmp_path: Path) -> None:
    paths = {till: keep(tmp_path, changed(till=till)) for till in ("caixa2", "caixa1")}
    assert [kept.till for kept in listing(tmp_path)] == ["caixa1", "caixa2"]
    assert [kept.path for kept in listing(tmp_path, "caixa2")] == [paths["caixa2"]]
    assert list(listing(tmp_path, "caixa3")) == []
    assert list(listing(tmp_path / "nothing")) == []


@pytest.mark.parametrize(
    "damage",
    [None, b"", b"{", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"till": 1}', b" " * 5_000_000],
    ids=["absent", "empty", "cut", "list", "fields", "encoding", "deep", "types", "huge"],
)
def test_a_damaged_sidecar_hides_nothing(tmp_path: Path, damage: bytes | None) -> None:
    path = keep(tmp_path, REJECTED)
    other = keep(tmp_path, changed(position=1))
    if damage is None:
        path.with_suffix(".json").unlink()
    else:
        path.with_suffix(".json").write_bytes(damage)
    found = {kept.path: kept for kept in listing(tmp_path)}
    assert found[path] == RejectedFile("caixa1", path, None)
    assert found[other].sidecar is not None


def test_a_document_dropped_in_by_hand_is_listed(tmp_path: Path) -> None:
    keep(tmp_path, REJECTED)
    (tmp_path / "caixa1" / "avulso.xml").write_bytes(b"<x/>")
    (tmp_path / "caixa1" / "pasta.xml").mkdir()
    (tmp_path / "leia-me.txt").write_text("anotações")
    assert [(kept.path.name, kept.sidecar is None) for kept in listing(tmp_path)][-1] == ("avulso.xml", True)
    assert len(list(listing(tmp_path))) == 2


def test_what_another_thread_kept_meanwhile_is_not_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, others = rejected_files.hash_of, [1]

    def another_keeps_it_just_after(path: Path) -> bytes | None:
        found = real(path)
        if others:
            others.pop()
            keep(tmp_path, REJECTED)
        return found

    monkeypatch.setattr(rejected_files, "hash_of", another_keeps_it_just_after)
    path = keep(tmp_path, REJECTED)
    assert sorted(path.parent.iterdir()) == [path.with_suffix(".json"), path]


def test_kept_by_several_threads_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: keep(tmp_path, REJECTED), range(40)))
    assert len(paths) == 1
    [kept] = listing(tmp_path)
    assert kept.sidecar is not None
    assert len(list((tmp_path / "caixa1").iterdir())) == 2
