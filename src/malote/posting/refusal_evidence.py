"""Whose fault a refusal is. By evidence and not by the error: a rule that refuses one sale is about that sale; one that
refuses every sale of a store's day (a partition nobody made, a trigger gone wrong) is the ERP's trouble, and they wait.

Sales of one *shape* are those that nothing but their content tells apart for the ERP: same kind, issuer and business
day. A single refusal says nothing against the ERP, so that it counts against the document. When a second document of
the shape meets the same refusal and none has passed since the first, both wait, and what was rejected before comes
back. Once one passes, the refusals are the documents' own again. A fault of the program has the kind alone for its
shape: the program is the same for all days. What is put aside while nothing of its kind passes comes back once one
does.

In memory only: after a restart the next refusals tell the same.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

import msgspec

from malote.erp.protocol import ErpError, MissingReference
from malote.fiscal.documents import Cancellation, Document, NumberVoid, Sale
from malote.posting.program_faults import ProgramFaultError
from malote.spool.documents import LeasedDocument

REFUSES_ALL = "erp_refuses_all"
# What the database itself said of a row. Anything else is known beforehand to be the document's or the structure's.
_ABOUT_A_ROW = frozenset({"erp_constraint", "erp_refused", "value_out_of_range"})
_MOST_SHAPES = 5000
_OF_A_PRODUCT = frozenset({"product_code", "gtin"})

Shape = tuple[str, str, str]
Refusal = tuple[LeasedDocument, ErpError]


def general(error: ErpError) -> ErpError:
    """The same refusal, met by everything of a shape: nobody's fault, so that all of it waits."""
    code = error.code if isinstance(error, ProgramFaultError) else REFUSES_ALL
    return ErpError(
        code,
        transient=True,
        detail=error.detail,
        facts=error.facts,
        reference=error.reference,
        missing=error.missing,
    )


class RefusalVerdict(msgspec.Struct, frozen=True):
    """``waiting``: refused like everybody of their shape. ``recalled``: ids of documents rejected too early."""

    at_fault: list[Refusal]
    waiting: list[Refusal]
    recalled: list[int]


class _Episode(msgspec.Struct):
    """One refusal that documents of one shape met, the first of them in attempt ``first``."""

    first: int
    error: ErpError
    refused: set[int]
    rejected: set[int]

    @property
    def is_general(self) -> bool:
        return len(self.refused) > 1


class RefusalEvidence:
    """Of one poster."""

    def __init__(self) -> None:
        self._attempt = 0
        self._passed: dict[Shape, int] = {}  # the last attempt that booked one
        self._passed_of_kind: dict[str, int] = {}
        self._episodes: dict[tuple[Shape, str], _Episode] = {}
        self._outlived: set[int] = set()  # documents that were refused before another of their shape passed
        self._aside: dict[str, set[int]] = defaultdict(set)  # by kind, put aside while nothing of it passed
        self._freed: set[int] = set()  # of these, those that are to come back

    def passed(self, documents: Collection[Document]) -> None:
        """These were written in this attempt: their shapes are not refused as a whole."""
        for shape in {shape_of(document) for document in documents}:
            self._passed.pop(shape, None)  # so that the oldest stands first
            self._passed[shape] = self._passed_of_kind[shape[0]] = self._attempt
            self._freed |= self._aside.pop(shape[0], set())
        while len(self._passed) > _MOST_SHAPES:
            del self._passed[next(iter(self._passed))]

    def put_aside(self, leased: LeasedDocument) -> None:
        """It was given up while nothing of its kind passed."""
        self._aside[shape_of(leased.document)[0]].add(leased.id)

    def judge(self, refusals: Sequence[Refusal]) -> RefusalVerdict:
        """After ``passed`` of the same attempt."""
        verdict = RefusalVerdict([], [], sorted(self._freed))
        self._freed.clear()
        concerned = [self._met(leased, error) for leased, error in refusals]
        for refusal, episode in zip(refusals, concerned, strict=True):
            if episode is None or not episode.is_general:
                verdict.at_fault.append(refusal)
                if episode is not None:
                    episode.rejected.add(refusal[0].id)
                continue
            verdict.waiting.append(refusal)
            verdict.recalled.extend(sorted(episode.rejected))
            episode.rejected.clear()
        return verdict

    def probes(self, held: Sequence[LeasedDocument]) -> tuple[list[LeasedDocument], list[Refusal]]:
        """Begins an attempt. Of every shape that is refused as a whole only one document is tried, a new one where
        there is; the others wait on."""
        self._attempt += 1
        general = {
            shape: one.error
            for (shape, _), one in self._episodes.items()
            if one.is_general and self._last_passed(shape, one.error) < one.first
        }
        chosen: dict[Shape, LeasedDocument] = {}
        shapes = [_refused_as(leased.document, general) for leased in held]
        for leased, shape in sorted(zip(held, shapes, strict=True), key=lambda one: one[0].attempts):
            if shape is not None:
                chosen.setdefault(shape, leased)
        tried: list[LeasedDocument] = []
        waiting: list[Refusal] = []
        for leased, shape in zip(held, shapes, strict=True):
            if shape is None or chosen[shape] is leased:
                tried.append(leased)
            else:
                waiting.append((leased, general[shape]))
        return tried, waiting

    def _met(self, leased: LeasedDocument, error: ErpError) -> _Episode | None:
        """None where the refusal is the document's own beyond doubt."""
        sign, shape = _sign(error), _shape_for(leased.document, error)
        episode = self._episodes.get((shape, sign))
        passed = self._last_passed(shape, error)
        if episode is not None and passed >= episode.first:
            # Another one passed since: whoever was refused before and is refused again has nobody else to blame.
            self._outlived |= self._episodes.pop((shape, sign)).refused
            episode = None
        if not sign or passed == self._attempt or leased.id in self._outlived:
            if isinstance(error, ProgramFaultError):
                # It is tried again alone, when nobody may be there who passes.
                self._outlived.add(leased.id)
            else:
                self._outlived.discard(leased.id)
            return None
        if episode is None:
            if len(self._episodes) >= _MOST_SHAPES:
                del self._episodes[next(iter(self._episodes))]
            episode = self._episodes[shape, sign] = _Episode(self._attempt, error, set(), set())
        episode.refused.add(leased.id)
        episode.error = error
        return episode

    def _last_passed(self, shape: Shape, error: ErpError) -> int:
        """The last attempt that tells whether ``error`` is met by all of the shape; 0 for none."""
        if isinstance(error, ProgramFaultError):
            return self._passed_of_kind.get(shape[0], 0)
        return self._passed.get(shape, 0)


def shape_of(document: Document) -> Shape:
    """Kind, issuer, business day."""
    match document:
        case Sale():
            return "sale", document.issuer, document.issued_at.date().isoformat()
        case Cancellation():
            return "cancellation", document.issuer, document.at.date().isoformat()
        case NumberVoid():
            return "number_void", document.issuer, ""
    return type(document).__name__, "", ""


def _shape_for(document: Document, error: ErpError) -> Shape:
    """Nothing but the kind tells documents apart for the program."""
    return _kind_of(document) if isinstance(error, ProgramFaultError) else shape_of(document)


def _kind_of(document: Document) -> Shape:
    return shape_of(document)[0], "", ""


def _refused_as(document: Document, general: Collection[Shape]) -> Shape | None:
    """The shape of the document that is refused as a whole, if one is."""
    return next((one for one in (_kind_of(document), shape_of(document)) if one in general), None)


def _sign(error: ErpError) -> str:
    """What tells one refusal from another; "" where it is beyond doubt whose it is."""
    if isinstance(error, ProgramFaultError):
        return error.sign
    if error.code not in _ABOUT_A_ROW or "sqlstate" not in error.facts or _is_of_products(error):
        return ""
    return " ".join(error.facts.get(name, "") for name in ("sqlstate", "table", "column", "constraint"))


def _is_of_products(error: ErpError) -> bool:
    """Nothing is missing but products of its own lines, where the ERP has others. What most sales have, such as a shop,
    a CFOP or a method of payment, is everybody's."""
    return bool(error.missing) and all(one.has_others and _is_product(one) for one in error.missing)


def _is_product(one: MissingReference) -> bool:
    return any(_OF_A_PRODUCT & fields for fields, _ in one.values)
