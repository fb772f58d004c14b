"""``malote erp verify``: the conformance suite against a customer's own database."""

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import typer

from malote.bilingual import Bilingual
from malote.config import Settings
from malote.terminal.command import FOUND, ConfigOption, JsonOption, explained
from malote.terminal.erp_options import ProfileOption, UrlArgument, require_erp, settings_with
from malote.terminal.output import console, errors, print_json

if TYPE_CHECKING:
    from malote.erp.conformance.check import CheckOutcome

_MARKS = {"passed": "✔", "failed": "✘", "skipped": "–"}


class VerifyReport(msgspec.Struct):
    """What ``malote erp verify --json`` prints."""

    database: str  # without its secrets
    engine: str
    profile: str
    verified: bool
    passed: int
    failed: int
    skipped: int
    findings: list["CheckOutcome"]


def verify(
    url: UrlArgument = "", as_json: JsonOption = False, profile: ProfileOption = None, config: ConfigOption = None
) -> None:
    """Tries this database out: posting, duplicates, rollback, errors, locks, in a scratch place of its own that is
    removed afterwards. Touches nothing else. Exit 0 if all is well, 1 if a check failed, 3 if it could not be done."""
    from malote.erp.address import masked
    from malote.erp.conformance.scratch import scratch_at
    from malote.erp.conformance.suite import verify as verifying
    from malote.erp.factory import tables_of

    settings = settings_with(config, profile)
    require_erp(config, url, settings)
    findings: list[CheckOutcome] = []
    with explained(settings):
        scratch = scratch_at(url or settings.erp_url, tables_of(settings).profile)
        # Closed, and the scratch place removed, even when Ctrl-C comes between two checks.
        with closing(verifying(scratch, settings.language)) as verification:
            for finding in verification:
                findings.append(finding)
                _print(finding, as_json=as_json)
    counted = {verdict: sum(one.verdict == verdict for one in findings) for verdict in _MARKS}
    report = VerifyReport(
        database=masked(url or settings.erp_url),
        engine=scratch.engine,
        profile=scratch.tables.profile.name,
        verified=not counted["failed"],
        findings=findings,
        **counted,
    )
    if as_json:
        print_json(report)
    else:
        _print_sum(report, settings)
    if not report.verified:
        raise typer.Exit(FOUND)


def _print(finding: "CheckOutcome", *, as_json: bool) -> None:
    """One line for each check as it ends; on standard error where standard output is for a program."""
    to = errors if as_json else console
    detail = f": {finding.detail}" if finding.detail else ""
    to.print(f"{_MARKS[finding.verdict]} {finding.title}{detail}", markup=False, highlight=False, soft_wrap=True)


def _print_sum(report: VerifyReport, settings: Settings) -> None:
    words = Bilingual(
        f"{report.passed} certas, {report.failed} erradas, {report.skipped} não se aplicam",
        f"{report.passed} passed, {report.failed} failed, {report.skipped} not applicable",
    ).of(settings.language)
    console.print()
    console.print(f"{report.database} ({report.profile}): {words}", markup=False, highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("verify")(verify)
