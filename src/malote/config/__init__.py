"""Settings: one TOML file, then environment variables ``MALOTE_<SECTION>_<NAME>``, which win.

Every setting is described in docs/settings.md; a test compares the two.
"""

from malote.config.errors import SettingsError
from malote.config.loading import file_of, is_said, load
from malote.config.sections import (
    HIDDEN,
    AlertsSettings,
    BooksSettings,
    ConsumersSettings,
    DatabaseSettings,
    ErpSettings,
    FiscalSettings,
    IntakeSettings,
    LoadsSettings,
    LocksSettings,
    PostingSettings,
    QuarantineSettings,
    RetentionSettings,
    Section,
    ServerSettings,
    StoreSettings,
    StructuresSettings,
    TillSettings,
)
from malote.config.settings import Settings, limits_of

__all__ = [
    "HIDDEN",
    "AlertsSettings",
    "BooksSettings",
    "ConsumersSettings",
    "DatabaseSettings",
    "ErpSettings",
    "FiscalSettings",
    "IntakeSettings",
    "LoadsSettings",
    "LocksSettings",
    "PostingSettings",
    "QuarantineSettings",
    "RetentionSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "StoreSettings",
    "StructuresSettings",
    "TillSettings",
    "file_of",
    "is_said",
    "limits_of",
    "load",
]
