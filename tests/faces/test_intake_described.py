"""What the HTTP interface says of itself is what it does: the page, the OpenAPI, the catalogue."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from malote import rejection, wire
from malote.api.application import create_app
from malote.api.faults import STATUSES
from tests.faces.intake_support import Speaker, serving, settings_in, store_with_till

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with store_with_till(settings_in(tmp_path_factory.mktemp("described"))) as (services, _, _token):
        yield create_app(services).openapi_schema.to_schema()


def test_every_path_stands_on_the_page(described: dict[str, Any]) -> None:
    operations = [(method.upper(), path) for path, item in described["paths"].items() for method in item]
    assert len(operations) == 12
    for method, path in operations:
        assert f"`{method} {path}" in PAGE, (method, path)


def test_every_fault_stands_on_the_page_with_its_status_and_in_the_catalogue() -> None:
    rows = {int(number): line for line in PAGE.splitlines() for number in re.findall(r"\| (\d{3})", line[:6])}
    for code, status in STATUSES.items():
        assert f"`{code}`" in rows[status], code
        assert code in rejection.catalogue(), code


def test_whatever_may_be_tried_again_is_transient_in_the_catalogue() -> None:
    for code in ("server_busy", "store_away", "disk_full", "server_failed", "pouch_hash_mismatch"):
        assert rejection.entry(code).transient, code


def test_bodies_and_faults_are_described(described: dict[str, Any]) -> None:
    pouches = described["paths"][wire.PATH_POUCHES]["post"]
    assert list(pouches["requestBody"]["content"]) == [wire.POUCH_MEDIA_TYPE]
    contact = described["paths"][wire.PATH_CONTACT]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(contact["properties"]) == {field.name for field in msgspec.structs.fields(wire.Contact)}
    assert pouches["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Fault")


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    found = set(references(described))
    assert found
    assert found <= {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}


def test_the_description_is_served_to_tills(tmp_path: Path) -> None:
    with (
        store_with_till(settings_in(tmp_path / "home")) as (services, _, token),
        serving(services) as address,
        Speaker(address, token) as till,
    ):
        reply = till.http.get("/schema/openapi.json")
        assert reply.status_code == 200
        assert reply.json()["info"]["title"] == "Malote"


def references(described: Any) -> Iterator[str]:
    if isinstance(described, dict):
        if "$ref" in described:
            yield described["$ref"]
        for part in described.values():
            yield from references(part)
    elif isinstance(described, list):
        for part in described:
            yield from references(part)
