"""Sincronizar: the till sends again what is not proven, the server tries again what waits or may be cured now."""

from collections.abc import Sequence

from malote.accounts.audit import Actor
from malote.quarantine.reports import SyncOrder, SyncProgress
from malote.rejection import Language


class Synchronisation:
    """Safe for threads. Every method raises ``StoreError``."""

    def order(self, tills: Sequence[str] | None, actor: Actor, *, dry_run: bool = False) -> list[SyncOrder]:
        """Synchronises these tills, or all that are enabled where ``tills`` is None. Raises ``TillError``."""
        raise NotImplementedError

    def progress(self, order_id: int) -> SyncProgress | None:
        """None where there is no such order."""
        raise NotImplementedError

    def latest(self, till: str) -> SyncProgress | None:
        """Of the till's newest order; None where there never was one."""
        raise NotImplementedError


def words(progress: SyncProgress, language: Language) -> str:
    """The result as a sentence: "312 enviadas, 2 rejeitadas: produto sem cadastro"."""
    raise NotImplementedError
