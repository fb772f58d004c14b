"""The package's own conformance suite on a real MariaDB: with Malote's own tables, and around an ERP's procedure."""

from collections.abc import Iterator

import pytest

from malote.erp.conformance.assertions import NotApplicableError
from malote.erp.conformance.check import Check
from malote.erp.conformance.scratch import Scratch, scratch_at
from malote.erp.conformance.suite import CHECKS, run
from malote.erp.profiles.profile import BUILT_IN, load
from tests.engines import mariadb_support as mercadinho


@pytest.fixture(scope="module", params=[BUILT_IN, "mercadinho"])
def scratch(request: pytest.FixtureRequest) -> Iterator[Scratch]:
    chosen = str(mercadinho.PROFILE) if request.param == "mercadinho" else request.param
    made = scratch_at(mercadinho.fresh_mariadb_url(), load(chosen))
    yield made
    made.remove()


@pytest.mark.parametrize("check", CHECKS, ids=[check.code for check in CHECKS])
def test_conformance(check: Check, scratch: Scratch) -> None:
    try:
        run(check, scratch)
    except NotApplicableError:
        # A profile of procedures has no tables to look into; sessions of MariaDB can't be seen yet.
        assert check.code == "blocker" or scratch.tables.profile.post is not None
