"""A file of a load that rots on the server's disk is made anew once a till tells of it; one damaged on its way not."""

import hashlib
from pathlib import Path

import pytest

from malote import wire
from tests.faces.loads_fixtures import Place

pytest_plugins = ("tests.faces.loads_fixtures",)


def _told_of_damage(place: Place, *, rots: bool) -> Path:
    """The till has begun its first order, and says that a file of it came damaged."""
    place.stage()
    order = place.till.contact()
    assert order is not None
    place.till.progress = [wire.OrderProgress("load", order.number, "begun")]
    place.till.contact()
    listed = next(one for one in place.till.manifest(order.number).files if one.entity == "product")
    found = place.services.loads.files.find(listed.sha256)
    assert found is not None
    if rots:
        content = bytearray(found.path.read_bytes())
        content[len(content) // 2] ^= 1
        found.path.write_bytes(content)
    facts = {"entity": "product", "sha256": listed.sha256}
    failed = wire.OrderProgress("load", order.number, "failed", code="load_file_damaged", facts=facts)
    place.till.progress = [failed]
    return found.path


@pytest.mark.parametrize("rots", [True, False])
def test_one_that_rotted_here_is_made_anew_and_the_till_goes_on(place: Place, *, rots: bool) -> None:
    path = _told_of_damage(place, rots=rots)
    written = path.stat().st_ino
    told = [place.till.contact() for _ in range(2)]
    if not rots:
        assert told == [None, None], "damaged on its way: not before loads.retry_minutes"
        assert path.stat().st_ino == written
        return
    assert any(told)
    place.till.follow()
    assert (place.till.version, len(place.till.rows["product"])) == (1, 50)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name.partition(".")[0]
