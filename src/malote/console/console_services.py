"""What the console asks of the rest of Malote: small functions that the composition root hands in.

The pages know these and no database. Some parts have so many that they come as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from malote.accounts.audit import Actor, AuditEntry
from malote.accounts.roles import Role
from malote.accounts.sessions import SignedIn, UserSession
from malote.accounts.user import User
from malote.alerts.alert_service import Alerts
from malote.books.accepting import ListedGap, WantedGaps
from malote.books.board import Board, ListedSale
from malote.books.closings import ComparedClosing
from malote.books.numbering import NumbersPage, NumbersQuery, SeriesPage, SeriesQuery
from malote.books.rules.rule_findings import ToldRule
from malote.books.rules.rule_findings import WantedFindings as WantedRule
from malote.config import LoadsSettings
from malote.console.load_groups import TillRow
from malote.consumers.accounts import Consumer
from malote.consumers.consumer_service import ConsumerState
from malote.consumers.log import SendingEntry
from malote.findings.kinds import Finding
from malote.findings.lights import TillOverview, TillsPage, TillsQuery
from malote.findings.till_groups import GroupedTills, GroupsQuery
from malote.fiscal.reading_result import Reading
from malote.loads.background_loads import BackgroundLoads
from malote.loads.load_reports import EntityStatus
from malote.loads.load_service import Loads
from malote.loads.price_then import PriceThen
from malote.locks.lock_service import Locks
from malote.orders.rollout_reports import Rollout
from malote.quarantine.jobs import Jobs
from malote.quarantine.quarantine_reports import Custody, FolderFinding
from malote.quarantine.quarantine_service import Quarantine
from malote.quarantine.synchronising import Synchronisation
from malote.register.documents import OverdueSale, StoredDocument
from malote.register.flow import Flow
from malote.register.flow_history import FlowHistory, Span
from malote.register.flow_marks import FlowMark
from malote.register.listing import DocumentsPage, DocumentsQuery, FoundReason
from malote.register.period import PeriodPage, PeriodQuery
from malote.register.relations import Related
from malote.register.till_history import Happening
from malote.rejection import Language
from malote.runbook.runbook_service import Runbook
from malote.spool.documents import Reason
from malote.structures.structure_service import Structures
from malote.tills.lost_sales import LostAtTill
from malote.wire import RefusedFile


@dataclass(frozen=True, slots=True)
class Accounts:
    """``touch`` of ``find``: somebody is there, and not only a page that refreshes itself."""

    sign_in: Callable[[str, str, str], SignedIn]  # name, password, address; raises SignInError
    find: Callable[[str, bool], UserSession | None]  # token, touch
    sign_out: Callable[[str], None]  # token
    change_password: Callable[[User, str, str, str], SignedIn]  # old, new, address; raises AccountError, SignInError


@dataclass(frozen=True, slots=True)
class Users:
    """What an administrator does with accounts. All raise ``AccountError``; the passwords returned are told once."""

    listed: Callable[[], list[User]]
    create: Callable[[Actor, str, Role, str], str]  # name, role, display name; returns the one-time password
    set_role: Callable[[Actor, str, Role], None]
    set_disabled: Callable[[Actor, str, bool], None]
    give_password: Callable[[Actor, str], str]


@dataclass(frozen=True, slots=True)
class Tills:
    page: Callable[[TillsQuery], TillsPage]
    grouped: Callable[[tuple[GroupsQuery, ...]], list[GroupedTills]]  # of one moment
    matching: Callable[[TillsQuery], list[str]]
    find: Callable[[str], TillOverview | None]
    refused: Callable[[str], list[RefusedFile]]


@dataclass(frozen=True, slots=True)
class TillAccounts:
    """What an administrator does with tills. All raise ``TillError``; the tokens returned are told once."""

    create: Callable[[Actor, str, str], str]  # name, label
    renew: Callable[[Actor, str], str]
    set_disabled: Callable[[Actor, str, bool], str]  # "": the token stays


@dataclass(frozen=True, slots=True)
class Documents:
    """Every function that takes an id raises ``DocumentNotFoundError`` where there is none."""

    page: Callable[[str, DocumentsQuery], DocumentsPage]
    searched: Callable[[str, DocumentsQuery], dict[str, FoundReason]]  # by reason
    find: Callable[[int], StoredDocument]
    anywhere: Callable[[str], list[StoredDocument]]  # of all tills, by key, number or file
    content: Callable[[int], bytes]  # raises ContentPrunedError
    read: Callable[[bytes], list[Reading]]
    flagged: Callable[[str], list[StoredDocument]]  # of a till: booked, and a person must look at them
    overdue: Callable[[str], list[OverdueSale]]  # of a till: booked offline sales without protocol after the deadline


@dataclass(frozen=True, slots=True)
class Numbering:
    series: Callable[[SeriesQuery], SeriesPage]
    numbers: Callable[[NumbersQuery], NumbersPage]


@dataclass(frozen=True, slots=True)
class ConsoleBooks:
    outside: Callable[[], tuple[int, int]]  # documents that the ERP lost, and the cents they come to
    # Books again what the ERP lost, where that are just as many documents as were shown: how many went back into the
    # queue; None, and nothing done, where it is another number by now. Raises ErpError.
    rebook: Callable[[Actor, int], int | None]
    unguarded: Callable[[], int]  # booked documents whose number the ERP's ledger guards no more
    guard: Callable[[Actor, int], int | None]  # writes those rows again, as ``rebook`` does what was lost
    # Of a till (None: a page of all, behind a name), so many business days up to today's.
    board: Callable[[str | None, str, int], Board]
    day: Callable[[str, date], list[ListedSale]]  # the sales behind a till's day
    gaps: Callable[[str], list[ListedGap]]  # a till's missing numbers
    accept_day: Callable[[Actor, str, date, str], int]  # till, day, reason: how many differences that were
    lost: Callable[[str], list[LostAtTill]]  # sales that a till lost and nobody answered for
    accept_lost: Callable[[Actor, str, str], int]  # till, reason: how many sales that were
    closings: Callable[[str, date], list[ComparedClosing]]  # of a till from a day on, the newest first
    accept_closing: Callable[[Actor, str, date, str], int]  # till, day, reason: by how many cents it differed
    ruled: Callable[[str, date], list[ToldRule]]  # where the retailer's rules hold on a till's day
    accept_rule: Callable[[Actor, WantedRule, str], int]  # with a reason: how many findings that were
    of_store: Callable[[], list[Finding]]  # what is wrong in the whole store, and stops no till
    accept_gaps: Callable[[Actor, WantedGaps, str], int]  # with a reason: how many numbers that were


@dataclass(frozen=True, slots=True)
class ConsoleDashboard:
    """How sales flowed, what happened meanwhile, and the documents behind it."""

    history: Callable[[Span], FlowHistory]
    marks: Callable[[float], list[FlowMark]]  # since then, in seconds since the epoch
    rejected: Callable[[], dict[str, int]]  # now, by reason
    waiting: Callable[[], dict[str, int]]
    period: Callable[[PeriodQuery], PeriodPage]


@dataclass(frozen=True, slots=True)
class ShownTills:
    """All enabled tills by name, as of a moment ago; the newest roll-outs of structures and of loads, as of now."""

    rows: Sequence[TillRow]
    rollout: Rollout | None
    load_rollout: Rollout | None


@dataclass(frozen=True, slots=True)
class LoadViews:
    """What pages show of loads, and ``Loads`` has no one answer to."""

    settings: LoadsSettings
    entities: Callable[[], list[EntityStatus]]
    tills: Callable[[], ShownTills]
    # Of a product's code or barcode, at a till ("": in the newest version), at a moment. Raises TillError.
    price_then: Callable[[str, str, float], PriceThen]


@dataclass(frozen=True, slots=True)
class ConsoleLaboratory:
    """Of a demo: troubles that can be planted there, for the Assistente to find."""

    listed: Callable[[Language], list[tuple[str, str, bool]]]  # name, title, whether it was planted
    ask: Callable[[str, bool], None]  # to plant it, or to put right what only the store can; raises KeyError, OSError
    dba: tuple[str, str]  # the name and the password of the one DBA of the demo's own database, which is no secret


@dataclass(frozen=True, slots=True)
class ConsoleServices:
    store_name: str
    erp_name: str
    language: Language  # where neither the person nor the browser says otherwise
    version: str
    accounts: Accounts
    users: Users
    tills: Tills
    till_accounts: TillAccounts
    documents: Documents
    quarantine: Quarantine
    findings: Callable[[str], list[FolderFinding]]  # of a till's folder, as of a moment ago
    custody: Callable[[int], Custody]  # of a rejected document, as of a moment ago
    synchronisation: Synchronisation
    runbook: Runbook
    jobs: Jobs
    alerts: Alerts
    numbering: Numbering
    locks: Locks
    structures: Structures
    dashboard: ConsoleDashboard
    loads: Loads
    asked_loads: BackgroundLoads
    load_views: LoadViews
    flow: Callable[[tuple[int, ...]], Flow]  # of the last hour; of the tills with these ids apart
    books: ConsoleBooks
    ledger: Callable[[], Reason | None]  # why nothing is booked, while the ERP's ledger lacks what was booked before
    happenings: Callable[[str], list[Happening]]  # of a till's documents, the newest first
    beside: Callable[[int], list[Related]]  # the documents that belong to one, in order of arrival
    trail_of: Callable[[str], list[AuditEntry]]  # of an object such as "till:caixa1", the newest first
    # The trail before an entry's id (None: the newest), so many; of a user, an action, an object ("": any).
    audit: Callable[[int | None, int, str, str, str], list[AuditEntry]]
    consumers: Callable[[], list[ConsumerState]]  # who is told of sales beside the ERP
    consumer_log: Callable[[Consumer], list[SendingEntry]]  # what one got, the newest first
    pulse: Callable[[str | None], str]  # changes when what is shown of the tills, or of one, has changed
    structures_pulse: Callable[[str | None], str]  # the same for structures and loads, whatever the name
    jobs_pulse: Callable[[str | None], str]  # the same for what is shown of jobs
    now: Callable[[], float]  # seconds since the epoch
    zone: Callable[[], tzinfo | None]  # the store's clock, on which every page shows every time; None: this machine's
    laboratory: ConsoleLaboratory | None = None  # in a demo only
