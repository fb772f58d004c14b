"""Who is told: addresses as apprise writes them, from the settings' environment or file. They hold secrets.

An address is never printed, logged or stored: outside of this file a target is known by its kind and a hash.
"""

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from malote import log as logs
from malote.config import AlertsSettings
from malote.explained_error import ExplainedError

_LINE = re.compile(r"(?:\+(?P<minutes>\d{1,5})\s+)?(?P<address>[a-zA-Z][a-zA-Z0-9+.-]*://\S+)")

log = logs.get_logger("malote.alerts")


class TargetsError(ExplainedError):
    """A line of the targets can't be used. ``line`` is its number; what it says is a secret."""

    exit_status = 2  # a setting is wrong

    def __init__(self, line: int, detail: str = "") -> None:
        super().__init__("alert_targets_invalid", where=detail or f"alerts.targets:{line}")
        self.line = line


class AlertTarget(msgspec.Struct, frozen=True):
    """``after``: seconds beyond the grace time before it is told."""

    id: str
    kind: str  # the scheme of its address: mailto, msteams, slack, tgram, json …
    after: float
    address: str

    def __repr__(self) -> str:
        return f"Target({self.kind} {self.id})"


Send = Callable[[AlertTarget, str, str], bool]


def targets_of(settings: AlertsSettings, home: Path) -> list[AlertTarget]:
    """In the order of their steps. Raises ``TargetsError``."""
    text = settings.targets
    if settings.targets_file:
        try:
            text = f"{text}\n{(home / settings.targets_file).read_text(encoding='utf-8')}"
        except (OSError, UnicodeDecodeError) as error:
            raise TargetsError(0, f"{settings.targets_file}: {type(error).__name__}") from None
    found = []
    for number, line in enumerate(re.split(r"[\n;]", text), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        match = _LINE.fullmatch(said)
        if match is None:
            raise TargetsError(number)
        address = match["address"]
        identity = hashlib.sha256(address.encode()).hexdigest()[:12]
        kind = address.partition("://")[0].lower()
        found.append(AlertTarget(identity, kind, float(match["minutes"] or 0) * 60, address))
    return sorted(found, key=lambda one: one.after)


def send(target: AlertTarget, title: str, body: str) -> bool:
    """Whether it was taken. Whatever goes wrong, nothing of the address is told."""
    import apprise  # heavy: only where there is somebody to be told

    teller = apprise.Apprise()
    return bool(teller.add(target.address) and teller.notify(title=title, body=body))


class Sender:
    """Sends with a limit of time. One that hangs holds back nobody but itself: until it ends, it isn't tried again."""

    def __init__(self, seconds: float, by: Send = send) -> None:
        self._seconds = seconds
        self._by = by
        self._hanging: dict[str, threading.Thread] = {}

    def __call__(self, target: AlertTarget, title: str, body: str) -> bool:
        before = self._hanging.get(target.id)
        if before is not None and before.is_alive():
            return False
        taken: list[bool] = []
        thread = threading.Thread(target=self._try, args=(target, title, body, taken), daemon=True, name="alert")
        thread.start()
        thread.join(self._seconds)
        if thread.is_alive():
            self._hanging[target.id] = thread
            log.warning("alert_hangs", kind=target.kind, target=target.id)
            return False
        self._hanging.pop(target.id, None)
        return bool(taken and taken[0])

    def _try(self, target: AlertTarget, title: str, body: str, taken: list[bool]) -> None:
        try:
            taken.append(self._by(target, title, body))
        except Exception as error:  # noqa: BLE001 - a library's, over an address that must not be told
            log.warning("alert_failed", kind=target.kind, target=target.id, error=type(error).__qualname__)


def steps_of(targets: Sequence[AlertTarget]) -> tuple[float, ...]:
    """When each group of targets is told, in seconds beyond the grace time."""
    return tuple(sorted({one.after for one in targets}))
