"""Whether all is right at the billing server. Looks only: what it touches is as before, and nobody's sales wait.

Each thing that is looked at is a function of its own, so that one that fails says so and keeps none of the others
from being looked at.
"""

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from malote.books.rules.file import RulesError, load
from malote.check_result import Checked, Verdict, right, writable
from malote.config import Settings
from malote.erp.factory import open_configured
from malote.erp.profiles.checking import ProfileFault
from malote.erp.profiles.errors import ProfileError
from malote.erp.protocol import ErpError
from malote.erp.sessions.factory import has_sessions
from malote.explained_error import ExplainedError
from malote.findings.store_findings import RULES_UNUSABLE
from malote.posting.ledger import ledger_short
from malote.reconciliation import erp_memory
from malote.register import till_documents
from malote.register.documents import TillStatus
from malote.schema.definition import Scope, StructureError
from malote.schema.structure_reports import Drift, StructureDifference
from malote.setup import environment, secret_files
from malote.spool import presence

LITTLE_ROOM, NO_ROOM = 5 << 30, 1 << 30  # bytes on the disk of the home folder
_MOST_NAMED = 8

LookAtStructure = Callable[[Scope], Drift]
LookAtLoads = Callable[[], Sequence[ExplainedError]]


class CheckedServer(msgspec.Struct, frozen=True):
    """``settings_file`` None where everything comes from the environment. ``drift`` says how a structure differs,
    ``loads`` what keeps entities of the loads from being read."""

    settings: Settings
    settings_file: Path | None
    engine: Engine
    drift: LookAtStructure
    loads: LookAtLoads


def examine(place: CheckedServer, *, now: float | None = None) -> Iterator[Checked]:
    """One after the other, as it is looked at. Raises ``StoreError``."""
    moment = time.time() if now is None else now
    settings = place.settings
    yield from secret_files.examine(settings, place.settings_file)
    tills = till_documents.status(place.engine, now=moment)
    yield from environment.examine(settings.store, tills)
    yield from _folders(settings)
    yield disk(shutil.disk_usage(settings.home_path).free, settings.home_path)
    yield _structure(place.drift, "store")
    yield _rules(settings)
    erp = _erp(place)
    yield from erp
    yield _loads(place)
    yield _port(settings.server.host, settings.server.port)
    yield _poster(place, tills, moment)
    yield from _tills(tills, settings.intake.clock_skew_seconds)


def _folders(settings: Settings) -> Iterator[Checked]:
    folders = [settings.home_path, settings.quarantine_path, settings.trash_path]
    folders += [settings.drop_path] if settings.intake.drop_folder else []
    # The server makes those that are absent; what it can't make is the home folder's fault.
    looked = [writable("folders", folder) for folder in folders if folder.exists() or folder == settings.home_path]
    yield next((one for one in looked if one.verdict == "wrong"), right("folders"))


def disk(free: int, folder: Path) -> Checked:
    """``free``: bytes."""
    if free >= LITTLE_ROOM:
        return right("disk")
    verdict: Verdict = "wrong" if free < NO_ROOM else "warned"
    return Checked("disk", verdict, "disk_low", {"folder": str(folder), "free": f"{free / (1 << 30):.1f}"})


def _rules(settings: Settings) -> Checked:
    """The retailer's own."""
    if settings.rules_path is None:
        return right("rules")
    try:
        load(settings.rules_path)
    except RulesError as error:
        said = {"detail": "; ".join(error.said("pt")), "detail_en": "; ".join(error.said("en"))}
        return Checked("rules", "wrong", RULES_UNUSABLE, said)
    return right("rules")


def _loads(place: CheckedServer) -> Checked:
    """Where the ERP has what tills sell with."""
    try:
        troubles = place.loads()
    except ProfileError as error:
        return Checked("loads", "wrong", error.code, error.facts)
    return next((Checked("loads", "wrong", one.code, one.facts) for one in troubles), right("loads"))


# ---- the ERP ----


def _erp(place: CheckedServer) -> list[Checked]:
    """Reached, its profile, what may be done in it, its ledger. Where it can't be reached the rest is not looked at."""
    try:
        erp = open_configured(place.settings, remembered=erp_memory.recall(place.engine).schema)
        try:
            faults = erp.faults()
            refused = None if place.settings.store.shadow else erp.refused_writing()
        finally:
            erp.close()
    except ErpError as error:
        rest = [Checked(what, "skipped", "not_looked_at") for what in ("profile", "grants", "ledger")]
        return [Checked("erp", "wrong", error.code, error.facts), *rest]
    found = [_profile(faults), _structure(place.drift, "erp"), _ledger(place.engine)]
    if place.settings.store.shadow:
        # Malote's own tables need not be there yet, nor any right but to read.
        found = [msgspec.structs.replace(one, verdict="warned") if one.verdict == "wrong" else one for one in found]
    return [_reached(place.settings, refused), *found]


def _reached(settings: Settings, refused: ErpError | None) -> Checked:
    """A file here takes every sale, and the tills let go of them: nobody may mistake it for the ERP."""
    if refused is not None:
        return Checked("erp", "wrong", refused.code, refused.facts)
    if settings.erp.url:
        return right("erp")
    return Checked("erp", "warned", "erp_for_trial", {"file": settings.erp_url.removeprefix("sqlite:///")})


def _profile(faults: Sequence[ProfileFault]) -> Checked:
    if not faults:
        return right("profile")
    named = [f"{one.table}.{one.column}" if one.column else one.table for one in faults]
    return Checked("profile", "wrong", "profile_unfit", {"detail": _short(named), "count": str(len(named))})


def _structure(drift: LookAtStructure, scope: Scope) -> Checked:
    what = "structure" if scope == "store" else "grants"
    try:
        differences = drift(scope).differences
    except StructureError as error:
        # Where Malote alters no tables nothing is looked at this way: the profile's check has the tables.
        verdict: Verdict = "skipped" if error.code == "structure_engine_unsupported" else "wrong"
        return Checked(what, verdict, error.code, error.facts)
    grave = [one for one in differences if one.severity in ("missing", "conflict")]
    denied = [one for one in grave if one.what == "privilege"]
    if denied:
        return Checked("grants", "wrong", "erp_privilege", {"detail": _short([_named(one) for one in denied])})
    if grave:
        detail = _short([_named(one) for one in grave])
        code = "structure_outdated" if scope == "erp" else "store_structure_differs"
        return Checked("structure", "wrong", code, {"detail": detail})
    return right(what)


def _named(one: StructureDifference) -> str:
    return one.table if one.what == "table" else f"{one.table}.{one.name}"


def _ledger(engine: Engine) -> Checked:
    trouble = erp_memory.recall(engine).trouble
    if trouble is None:
        return right("ledger")
    error = ledger_short(trouble, erp_memory.recall(engine).schema)
    return Checked("ledger", "wrong", error.code, error.facts)


# ---- the server itself ----


def _port(host: str, port: int) -> Checked:
    """Free, or held by a server that answers: whose it is, the poster's sign of life says."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            return right("port")
    except OSError as error:
        facts = {"address": f"{host}:{port}", "detail": error.strerror or str(error)}
    try:
        with socket.create_connection(("127.0.0.1" if host in ("", "0.0.0.0") else host, port), timeout=2):  # noqa: S104
            return Checked("port", "warned", "server_answers", facts)
    except OSError:
        return Checked("port", "wrong", "address_in_use", facts)


def _poster(place: CheckedServer, tills: Sequence[TillStatus], now: float) -> Checked:
    alive = [sign for sign in presence.signs(place.engine) if sign.is_alive(now)]
    if alive and all(sign.trouble for sign in alive):  # one that books is enough
        first = min(alive, key=lambda sign: sign.since or now)
        return Checked("poster", "warned", first.trouble, dict(first.facts))
    if alive:
        return right("poster")
    waiting = sum(till.pending for till in tills)
    if not has_sessions(place.settings.erp_url) and not waiting:
        return Checked("poster", "skipped", "not_looked_at")  # there are no sessions to be known by
    return Checked("poster", "warned", "poster_absent", {"count": str(waiting)})


def _tills(tills: Sequence[TillStatus], most_skew: float) -> Iterator[Checked]:
    able = [till for till in tills if not till.disabled]
    if not able:
        yield Checked("tills", "warned", "tills_none")
        yield Checked("clock", "skipped", "not_looked_at")
        return
    silent = [till.till for till in able if till.last_contact_at is None and not till.posted]
    yield Checked("tills", "warned", "tills_silent", {"tills": _short(silent)}) if silent else right("tills")
    yield _clock(able, most_skew)


def _clock(tills: Sequence[TillStatus], most_skew: float) -> Checked:
    """By the tills' word: where all of them are wrong by much, it is the server that is."""
    skews = {till.till: till.clock_skew_seconds for till in tills if till.clock_skew_seconds is not None}
    if not skews:
        return Checked("clock", "skipped", "not_looked_at")
    wrong = [name for name, skew in skews.items() if abs(skew) > most_skew]
    if len(wrong) == len(skews) > 1:
        return Checked("clock", "wrong", "server_clock_wrong", {"tills": str(len(wrong))})
    if wrong:
        return Checked("clock", "warned", "tills_clock_wrong", {"tills": _short(wrong)})
    return right("clock")


def _short(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" (+{more})" if more > 0 else "")
