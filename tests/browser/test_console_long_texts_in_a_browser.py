"""What somebody typed at length widens no page."""

import time
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import update

from malote.accounts import audit
from malote.accounts.roles import Role
from malote.database.engine import writing
from malote.database.tables import till as tills
from tests.browser.browser_support import DESK, PHONE, browsing, is_too_wide, sign_in, watched
from tests.faces.application_serving import serving
from tests.faces.console_support import PASSWORD, application, create_user, store, till

pytestmark = pytest.mark.browser

LABEL = "W" * 255  # from before there was a limit


def test_a_tills_long_description_fits_a_phone_and_a_desk(tmp_path: Path) -> None:
    with store(tmp_path) as opened:
        create_user(opened, "ana", Role.ADMINISTRADOR)
        till(opened)
        with writing(opened.engine) as connection:
            connection.execute(update(tills).values(label=LABEL))
            after, now = {"label": LABEL}, time.time()
            audit.record(connection, audit.command_line(), "till_created", "till:caixa1", after=after, now=now)
        with browsing() as browser, serving(application(opened)) as address, watched(browser, address) as seen:
            sign_in(seen.page, "ana", PASSWORD)
            wide = []
            for size, path in product((PHONE, DESK), ("/till-accounts", "/audit", "/tills", "/tills/caixa1")):
                seen.page.set_viewport_size(size)
                seen.page.goto(f"/console{path}")
                assert "WWWW" in seen.page.content(), path
                wide += [(path, size["width"])] if is_too_wide(seen.page) else []
            assert wide == []
