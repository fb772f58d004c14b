"""What a DBA runs once: Malote's own tables in the ERP, and what the posting user may do. Connects to nothing."""

from malote.config import Settings
from malote.erp.address import parsed
from malote.erp.factory import open_configured
from malote.erp.grants import statements


def script(settings: Settings, user: str = "") -> str:
    """SQL; "" where the database has no users. ``user``: who posts; by default the address' own.

    Raises ``ErpError``.
    """
    erp = open_configured(settings)
    try:
        granted = statements(erp.grants(user or parsed(settings.erp_url).username or "malote"))
        made = erp.script()
    finally:
        erp.close()
    return "\n\n".join(made) + "\n\n" + "\n".join(granted) + "\n" if made else ""
