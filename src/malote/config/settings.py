"""All settings, and the places that follow from them."""

from pathlib import Path
from typing import Literal

from malote.config.sections import (
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
from malote.fiscal.reading_limits import Limits


class Settings(Section, frozen=True, forbid_unknown_fields=True):
    home: str = "."
    language: Literal["pt", "en"] = "pt"
    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    erp: ErpSettings = ErpSettings()
    posting: PostingSettings = PostingSettings()
    books: BooksSettings = BooksSettings()
    locks: LocksSettings = LocksSettings()
    alerts: AlertsSettings = AlertsSettings()
    intake: IntakeSettings = IntakeSettings()
    retention: RetentionSettings = RetentionSettings()
    consumers: ConsumersSettings = ConsumersSettings()
    fiscal: FiscalSettings = FiscalSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    structures: StructuresSettings = StructuresSettings()
    loads: LoadsSettings = LoadsSettings()
    till: TillSettings = TillSettings()

    @property
    def home_path(self) -> Path:
        return Path(self.home)

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{(self.home_path / 'store.sqlite3').as_posix()}"

    @property
    def store_file(self) -> Path | None:
        """The store database's file; None where a server keeps it."""
        _, file, path = self.database_url.partition("sqlite:///")
        return Path(path) if file else None

    @property
    def erp_url(self) -> str:
        return self.erp.url or f"sqlite:///{(self.home_path / 'erp.sqlite3').as_posix()}"

    @property
    def archive_path(self) -> Path | None:
        """Where the legal archive is written before pruning; None where it isn't."""
        folder = self.retention.archive_folder
        return self.home_path / folder if folder else None

    @property
    def closings_path(self) -> Path | None:
        """Where a POS puts its closings; None where there are none."""
        return self.home_path / self.books.closings if self.books.closings else None

    @property
    def rules_path(self) -> Path | None:
        """The file of the retailer's own rules; None where there are none."""
        return self.home_path / self.books.rules if self.books.rules else None

    @property
    def drop_path(self) -> Path:
        return self.home_path / "entrada"

    @property
    def loads_path(self) -> Path:
        """Where the files are that tills fetch."""
        return self.home_path / "cargas"

    @property
    def load_sources_path(self) -> Path | None:
        """The file of what is loaded beside the profile's; None where there is none."""
        return self.home_path / self.loads.sources if self.loads.sources else None

    @property
    def quarantine_path(self) -> Path:
        return self.home_path / "rejeitados"

    @property
    def trash_path(self) -> Path:
        return self.home_path / "lixeira"

    @property
    def outbox_path(self) -> Path:
        return self.home_path / "outbox.sqlite3"


def limits_of(store: StoreSettings, intake: IntakeSettings) -> Limits:
    """How documents are read by these settings."""
    return Limits(max_bytes=intake.max_document_bytes, tolerance=store.tolerance_cents)
