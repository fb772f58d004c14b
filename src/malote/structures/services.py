"""The structures as the faces use them: one object, wired by the composition root.

Every method raises ``StoreError``, and ``StructureError``, whose code is in the catalogue, where it says so. Whether the
actor may do it (``Permission.APPLY_STRUCTURES``) is for the face to ask before it calls.
"""

from collections.abc import Callable, Sequence

from malote.accounts.audit import Actor
from malote.structures.form import Scope
from malote.structures.reports import (
    Drift,
    Plan,
    Rollout,
    RolloutTill,
    RunReport,
    TillStructure,
)

Progress = Callable[[RunReport], None]


class Structures:
    """Safe for threads."""

    def drift(self, scope: Scope) -> Drift:
        """How ``store`` or ``erp`` differs from what is wanted. Of ``till``: see ``tills``.

        Raises ``StructureError``: ``structure_scope_of_tills``, or what the database says (``erp_away``, …).
        """
        raise NotImplementedError

    def plan(self, scope: Scope) -> Plan:
        """The statements that ``apply`` would run now, in order. Raises as ``drift`` does."""
        raise NotImplementedError

    def apply(
        self, scope: Scope, actor: Actor, *, dry_run: bool = False, progress: Progress | None = None
    ) -> RunReport:
        """Runs the plan, and returns at its end; ``progress`` hears of every change. Raises as ``drift`` does.

        What goes wrong in a step is said in the report. Afterwards sales that were rejected for want of it are replayed.
        """
        raise NotImplementedError

    def start(self, scope: Scope, actor: Actor) -> int:
        """``apply`` in the background: the run's id at once, for ``run`` to tell how far it got. Raises as ``drift``."""
        raise NotImplementedError

    def run(self, run_id: int) -> RunReport | None:
        """How far a run got; None where there is none."""
        raise NotImplementedError

    def last_run(self, scope: Scope) -> RunReport | None:
        """The scope's newest run: one that was interrupted says where."""
        raise NotImplementedError

    def tills(self) -> list[TillStructure]:
        """Every enabled till by name, with what it last said of its structure."""
        raise NotImplementedError

    def roll_out(self, tills: Sequence[str] | None, actor: Actor, *, dry_run: bool = False) -> Rollout:
        """Begins a roll-out to these tills, or to all where None. One that goes on is cancelled by it.

        Raises ``TillError``; ``StructureError`` ``rollout_no_tills``.
        """
        raise NotImplementedError

    def rollout(self, rollout_id: int | None = None) -> Rollout | None:
        """A roll-out, the newest where None; None where there is none."""
        raise NotImplementedError

    def rollout_tills(self, rollout_id: int) -> list[RolloutTill]:
        """Its tills, by wave and name. A till that failed comes first."""
        raise NotImplementedError

    def cancel(self, rollout_id: int, actor: Actor, *, reason: str = "") -> Rollout:
        """No further till gets it; what is done stays. Raises ``StructureError`` ``rollout_over``, ``rollout_unknown``."""
        raise NotImplementedError

    def resume(self, rollout_id: int, actor: Actor) -> Rollout:
        """A stopped or cancelled one goes on; tills that failed are tried again. Raises as ``cancel`` does."""
        raise NotImplementedError
