"""All checks, and running them against one scratch place."""

import time
from collections.abc import Callable, Generator, Sequence

from malote.bilingual import Language
from malote.erp.address import parsed, secrets_of, without
from malote.erp.conformance import consequences, locking, numbering, refusing, repeating, selling
from malote.erp.conformance.assertions import CheckFailedError, NotApplicableError
from malote.erp.conformance.check import Check, CheckOutcome, Verdict
from malote.erp.conformance.scene import Scene
from malote.erp.conformance.scratch import Scratch
from malote.erp.protocol import ErpError

CHECKS: tuple[Check, ...] = (
    *selling.CHECKS,
    *repeating.CHECKS,
    *consequences.CHECKS,
    *numbering.CHECKS,
    *refusing.CHECKS,
    *locking.CHECKS,
)


def run(check: Check, scratch: Scratch) -> None:
    """One check on fresh tables. Raises ``CheckFailedError``, ``NotApplicableError`` and ``ErpError``."""
    scratch.create()
    scene = Scene(scratch)
    try:
        check.act(scene)
    finally:
        scene.close()


def verify(
    scratch: Scratch,
    language: Language,
    *,
    checks: Sequence[Check] = CHECKS,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[CheckOutcome, None, None]:
    """Runs all checks, one finding after the other, and removes the scratch place, whatever happens.

    Raises ``ErpError`` where the place can't be made or removed. An error within a check is that check's finding.
    """
    try:
        scratch.create()
        for check in checks:
            began = clock()
            verdict, detail = _judged(check, scratch)
            yield CheckOutcome(check.code, check.title(language), verdict, detail, round(clock() - began, 3))
    finally:
        scratch.remove()


def _judged(check: Check, scratch: Scratch) -> tuple[Verdict, str]:
    try:
        run(check, scratch)
    except NotApplicableError as reason:
        return "skipped", str(reason)
    except CheckFailedError as failure:
        return "failed", str(failure)
    except ErpError as error:
        return "failed", f"{error.code}: {error.detail}"
    except Exception as error:  # noqa: BLE001 - outermost loop: a check that breaks must not hide the others
        words = str(error).partition("\n")[0]
        return "failed", without(secrets_of(parsed(scratch.url)), f"{type(error).__name__}: {words}")
    return "passed", ""
