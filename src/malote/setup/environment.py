"""Whether the settings fit what really comes: rejects whose cause is a setting name that setting."""

from collections import Counter
from collections.abc import Iterable, Sequence

from malote.check_result import Checked, right
from malote.config import StoreSettings
from malote.register.documents import TillStatus

# What a setting or an assignment mends, and how the check calls it.
MENDED_BY_SETTING = {
    "test_environment": "environment_rejects",
    "issuer_unknown": "issuer_rejects",
    "series_unassigned": "series_rejects",
    "series_of_another_till": "series_rejects",
    "series_asked": "series_rejects",
}


def examine(store: StoreSettings, tills: Sequence[TillStatus]) -> list[Checked]:
    """The environment, the issuers, the series, and from when on sales count."""
    counts = _counts(tills)
    found = [_environment(store, counts["environment_rejects"]), _issuers(store, counts["issuer_rejects"])]
    if counts["series_rejects"]:
        found.append(Checked("series", "wrong", "series_rejects", {"count": str(counts["series_rejects"])}))
    sent = any(till.posted or till.kept for till in tills)
    open_start = not store.since and not sent
    found.append(Checked("start", "warned", "start_open") if open_start else right("start"))
    if store.shadow:
        found.append(Checked("shadow", "warned", "shadow_on"))
    return found


def _counts(tills: Iterable[TillStatus]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for till in tills:
        for reasons in (till.rejected_reasons, till.waiting_reasons):
            for code, count in reasons.items():
                if code in MENDED_BY_SETTING:
                    counts[MENDED_BY_SETTING[code]] += count
    return counts


def _environment(store: StoreSettings, rejected: int) -> Checked:
    if rejected and not store.test_environment:
        return Checked("environment", "wrong", "environment_rejects", {"count": str(rejected)})
    if store.test_environment:
        return Checked("environment", "warned", "environment_is_test")
    return right("environment")


def _issuers(store: StoreSettings, rejected: int) -> Checked:
    if rejected and store.issuers:
        return Checked(
            "issuers", "wrong", "issuer_rejects", {"count": str(rejected), "known": ", ".join(store.issuers)}
        )
    return right("issuers") if store.issuers else Checked("issuers", "warned", "issuers_any")
