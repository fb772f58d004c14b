"""The sections of the settings with their defaults, each with what it means. docs/settings.md says more."""

from typing import Annotated, Any, Literal

import msgspec

from malote.fiscal.cfops import Effect
from malote.fiscal.reading_limits import LARGEST_DOCUMENT
from malote.wire import PouchLimits

HIDDEN = "***"
_SECRETS = frozenset({"url", "erp_url", "token", "dba_password", "targets"})  # the addresses may hold a password


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that belong together. Whoever prints them sees no secret."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, HIDDEN if value and name in _SECRETS else value) for name, value in values]


class ServerSettings(Section, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 8470
    posting: bool = True  # whether the server posts as well; off where `malote post` runs beside it
    trusted_proxies: list[str] = []  # addresses and networks whose X-Forwarded-For and -Proto are believed
    connections: int = 4000  # open at once; fewer where the system lets this process have few files
    connections_per_address: int = 200
    connections_for_tills: int = 100  # of all, only for addresses that a till has shown its token from
    head_seconds: float = 10.0  # for the head of a request
    body_seconds: float = 30.0  # for its body, and without a byte of the reply being read
    slowest_bytes: int = 4000  # a second: a body may take longer than body_seconds at this pace
    idle_seconds: float = 15.0  # between two requests of one connection


class StoreSettings(Section, frozen=True, forbid_unknown_fields=True):
    name: str = "Loja"
    test_environment: bool = False  # whether notes of the tax authority's test environment are sales here
    issuers: list[str] = []  # CNPJs whose notes are this store's; empty: any
    since: str = ""  # a day or a time: documents issued earlier are kept and not booked; empty: all count
    shadow: bool = False  # compare with what another system books in the ERP, and write nothing there
    learn_series: bool = True  # a series nobody owns becomes the first till's that uses it
    series_per_till: int = 1  # that a till may take by itself, of one issuer and model; 0: any number
    owner_hours: float = 1.0  # how long a document in another till's series waits for that till to send it too
    authorisation_hours: float = 24.0  # how long a note without protocol waits before it is rejected
    tolerance_cents: Annotated[int, msgspec.Meta(ge=0)] | None = (
        None  # how far sums may be apart; absent: a cent for each item, at most ten
    )
    contingency_deadline: str = ""  # for the protocol of an offline sale; empty: by the state of its key
    reverse_superseded: Literal["ask", "itself"] = "ask"  # an unauthorised sale whose number another one has
    sale_hours: float = 168.0  # how long a cancellation waits for its sale: as long as the law lets one come late


class DatabaseSettings(Section, frozen=True, forbid_unknown_fields=True):
    url: str = ""  # empty: SQLite in the home folder


class ErpSettings(Section, frozen=True, forbid_unknown_fields=True):
    url: str = ""  # empty: SQLite in the home folder, for trying out
    name: str = "ERP"
    profile: str = ""  # empty: Malote's own tables; a name, or a path of a .toml file relative to home
    schema: str = ""  # of Malote's tables in the ERP; empty: the profile's, or the one that has the ledger
    lock_timeout_seconds: float = 5.0
    statement_timeout_seconds: float = 30.0  # keep posting.lease_seconds longer than this
    # What becomes of a sale with characters that the ERP's encoding lacks: rejected, or booked in the nearest letters.
    unencodable: Literal["reject", "transliterate"] = "reject"


class PostingSettings(Section, frozen=True, forbid_unknown_fields=True):
    batch: int = 1000
    lease_seconds: float = 60.0
    idle_seconds: float = 0.2  # between looks at an empty spool
    retry_first_seconds: float = 1.0
    retry_longest_seconds: float = 60.0


class BooksSettings(Section, frozen=True, forbid_unknown_fields=True):
    zone: str = ""  # such as America/Sao_Paulo; empty: the clock of each note, as printed on it
    day_begins: str = "00:00"  # when a business day begins; later for a store that sells past midnight
    closings: str = ""  # folder, relative to home, of the POS's own closings as CSV; empty: there are none
    rules: str = ""  # TOML file, relative to home, of the retailer's own rules; empty: there are none
    compare_sales: bool = True  # whether the ERP's sales are compared too; false where it moves them elsewhere


class AlertsSettings(Section, frozen=True, forbid_unknown_fields=True):
    targets: str = ""  # apprise addresses, one a line or with ; between; "+30 " before one: told 30 minutes later
    targets_file: str = ""  # the same in a file, relative to home
    grace_minutes: float = 5.0  # that something must last before anybody is told, and be gone before it is over
    least_weight: int = 60  # of a finding that is told; weights stand in docs/console.md
    least_cents: int = 0  # of what has a value, how much is told
    quiet_hours: str = ""  # such as 22:00-06:00: only what weighs quiet_weight is told then
    quiet_weight: int = 80
    timeout_seconds: float = 15.0  # for one message to one target


class LocksSettings(Section, frozen=True, forbid_unknown_fields=True):
    grace_seconds: float = 5.0  # between cancelling what a session runs and ending it
    login_minutes: float = 10.0  # how long a DBA's login is remembered, in memory only
    automatic: bool = False  # rehearse the rule below, and end idle blockers by it once it is let loose
    automatic_minutes: float = 10.0  # idle in its transaction for so long
    automatic_users: list[str] = []  # whose sessions may be ended; * stands for anything
    automatic_programs: list[str] = []
    dba_user: str = ""  # for the automatic measure only
    dba_password: str = ""
    dba_password_file: str = ""  # instead of dba_password; relative to home


class IntakeSettings(Section, frozen=True, forbid_unknown_fields=True):
    max_document_bytes: int = LARGEST_DOCUMENT  # of one file, at the till as well
    max_pouch_bytes: int = 64_000_000  # opened
    max_body_bytes: int = 32_000_000  # as sent
    max_documents: int = 2000  # in one pouch
    rejects_per_minute: int = 600  # of one till, before it alone is slowed; 0: any number
    clock_skew_seconds: float = 60.0  # beyond it, the till is told and shown as skewed
    drop_folder: bool = True
    drop_quiet_seconds: float = 1.0
    drop_rescan_seconds: float = 5.0
    drop_keep_days: float = 90.0  # of files taken from the drop folder
    drop_watch: bool = True  # false: only look, for a network share whose changes nobody tells

    @property
    def pouch_limits(self) -> PouchLimits:
        """What agents are asked to send at once: far less than what is taken, so that others have their turn soon."""
        return PouchLimits(
            files=max(self.max_documents // 4, 1),
            bytes=max(self.max_pouch_bytes // 8, 1),
            document_bytes=self.max_document_bytes,
        )


class RetentionSettings(Section, frozen=True, forbid_unknown_fields=True):
    posted_days: float = 90.0
    archive_folder: str = ""  # where the legal archive is written before pruning; relative to home; empty: nowhere
    trash_days: float = 30.0  # of deleted documents, which go then if they are still held elsewhere


class ConsumersSettings(Section, frozen=True, forbid_unknown_fields=True):
    private_addresses: bool = False  # whether a webhook may be of this computer or a private network
    retry_longest_seconds: float = 600.0  # between two attempts at a webhook that doesn't answer
    hold_days: float = 30.0  # how much longer than retention.posted_days a consumer that lags keeps content here


class FiscalSettings(Section, frozen=True, forbid_unknown_fields=True):
    operations: dict[str, Effect] = {}  # what a CFOP does, where this store sees it otherwise than the table


class QuarantineSettings(Section, frozen=True, forbid_unknown_fields=True):
    custody_minutes: float = 60.0  # how long a till's word counts that it holds a rejected file
    difference_cents: int = 10  # the largest difference of sums that a person may accept
    quiet_seconds: float = 1.0  # a change made in the folder by hand counts once it stood still for so long
    rescan_seconds: float = 2.0
    watch: bool = True


class StructuresSettings(Section, frozen=True, forbid_unknown_fields=True):
    erp_url: str = ""  # the ERP as a user who may alter its tables; empty: erp.url
    lock_timeout_seconds: float = 0.3  # how long a change may stand in the queue for a lock, with the sales behind it
    patience_seconds: float = 600.0  # how long a step tries
    index_seconds: float = 7200.0  # how long the making of one index may take
    canary_tills: int = 1
    second_wave_percent: float = 10.0
    offline_minutes: float = 10.0  # a till not heard of for so long holds up no wave


class LoadsSettings(Section, frozen=True, forbid_unknown_fields=True):
    sources: str = ""  # TOML file, relative to home, with [load.…] beside those of the profile; empty: none
    parameters: dict[str, str | int] = {}  # what a where or sql there has as :name, such as the store's number
    look_seconds: float = 2.0  # between looks at entities with a column of changes; 0: only when all is compared
    compare: str = "30 3 * * *"  # when all rows of all entities are compared (cron, the store's clock); empty: never
    automatic: bool = True  # tills get what changed by themselves; false: only by a person's order, or a plan
    quiet_hours: str = ""  # such as 11:00-14:00: no till gets whole rows then by itself
    least_rows: int = 20  # fewer that go, change or are refused hold up nothing, whatever their share
    most_gone_percent: float = 10.0  # of an entity's rows, before a person must confirm
    most_changed_percent: float = 40.0  # of prices and promotions
    most_refused_percent: float = 5.0  # of the rows read
    event_conflicts: Literal["refuse", "allow"] = "refuse"  # events of one product that overlap: the newer stays out
    rise_after_minutes: Annotated[float, msgspec.Meta(ge=0, le=20_160)] = 0.0  # that shelf labels need before a till
    rise_at: str = ""  # such as 08:00: a price that rises is valid at the till from the next one on; empty: at once
    retry_minutes: float = 10.0  # before a till that failed at a load is told of it again
    stalled_minutes: float = 10.0  # that a load may make no progress at a till that speaks, before it is told
    file_days: float = 7.0  # that a file which no till asks for is kept
    waves: bool = False  # a new version goes to one till first, then to a few, then to the rest; an emergency to all
    canary_tills: int = 1
    second_wave_percent: float = 10.0
    success_percent: float = 95.0  # of a wave's tills that can answer, before the next one opens
    error_percent: float = 5.0  # of a wave's tills that may fail, before all stops
    approval: Literal["none", "canary", "each"] = "none"  # which waves a person must let through
    offline_minutes: float = 10.0  # a till not heard of for so long holds up no wave


class LoadFileSettings(Section, frozen=True, forbid_unknown_fields=True):
    """A file with rows of the load, for a POS that reads files."""

    entity: str  # whose rows
    name: str  # of the file, in ``till.loads.folder``
    format: Literal["csv", "jsonl", "fixed"] = "csv"
    rows: Literal["now", "all"] = "now"  # those that are valid at this minute, or those of other times too
    columns: list[str] = []  # of CSV and JSON Lines, in this order; empty: all
    template: str = ""  # of a line of fixed width: "{product_code:<14}{price!d:010}"
    separator: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ";"  # of CSV
    decimal: Literal[".", ","] = "."  # between a decimal's digits
    encoding: Literal["utf-8", "cp1252", "iso-8859-1"] = "utf-8"
    line_end: Literal["\n", "\r\n"] = "\r\n"


class TillLoadsSettings(Section, frozen=True, forbid_unknown_fields=True):
    folder: str = ""  # where files for the POS are written; relative to home; empty: none are
    files: list[LoadFileSettings] = []


class TillSettings(Section, frozen=True, forbid_unknown_fields=True):
    server: str = "http://127.0.0.1:8470"
    token: str = ""
    token_file: str = ""  # instead of token
    folder: str = ""  # where the POS writes its files
    since: str = ""  # from when on files count: a day, a time, or "all"; empty: a first start with old files asks
    pattern: str = "*.xml"
    recursive: bool = True
    quiet_seconds: float = 1.0
    rescan_seconds: float = 30.0
    poll_seconds: float = 5.0  # between questions about what is not proven yet
    retry_first_seconds: float = 1.0
    retry_longest_seconds: float = 120.0
    pouch_documents: int = 200
    pouch_bytes: int = 4_000_000
    retention_days: float = 30.0  # of the content in the outbox, counted from the proof
    after_proof: Literal["keep", "move", "delete"] = "keep"  # what to do with the POS's own file
    moved_folder: str = ""  # for after_proof = "move"
    loads: TillLoadsSettings = TillLoadsSettings()  # the load in files, for a POS that can't read the loads' database
