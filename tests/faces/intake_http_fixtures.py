"""A server over a store of its own. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator

import pytest

from malote.app import Services
from tests.faces.intake_http_support import LIMITS
from tests.faces.intake_support import Speaker, serving, settings_in, store_with_till


@pytest.fixture(scope="module")
def intake_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, str, str]]:
    settings = settings_in(tmp_path_factory.mktemp("house"), intake=LIMITS)
    with store_with_till(settings) as (services, _, token), serving(services) as address:
        yield services, address, token


@pytest.fixture
def intake_services(intake_house: tuple[Services, str, str]) -> Services:
    return intake_house[0]


@pytest.fixture
def intake_till(intake_house: tuple[Services, str, str]) -> Iterator[Speaker]:
    with Speaker(intake_house[1], intake_house[2]) as speaker:
        yield speaker


@pytest.fixture
def intake_address(intake_house: tuple[Services, str, str]) -> str:
    return intake_house[1]
