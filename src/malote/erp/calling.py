"""The ERP's own procedure: documents are handed to it as JSON, in the transaction of Malote's ledger.

Malote keeps one narrow row for each sale beside the ledger: how it stands, and the number the ERP gave it. What the ERP
refuses, or wants to wait, is left out of the batch, which is booked again without it: so nothing of it is claimed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from malote.erp import call_statements, rows, statements
from malote.erp.call_answers import BROKEN, one_for_each, only_one
from malote.erp.connecting import classified
from malote.erp.mapping import ERP_ID, ErpTables
from malote.erp.profiles.post import Call, ProfileStatements
from malote.erp.protocol import ErpError, Outcome, Posting, Result
from malote.erp.server_words import presentable
from malote.fiscal.documents import Answer, Document, Sale, identity
from malote.fiscal.json_form import told

MISSING = "erp_call_missing"
WAITS = "erp_says_wait"
REFUSED = "erp_refused"

_OWN_FAULT = "structure_outdated"
_NEEDED: frozenset[Call] = frozenset({"call_cancellation", "call_correction"})  # without it the ERP would be wrong

Pairs = Sequence[tuple[Posting, Document]]


class UnbookedError(Exception):
    """The ERP won't have these now; nothing of the transaction may stay. By document, what it said."""

    def __init__(self, outcomes: Mapping[int, Outcome]) -> None:
        super().__init__(f"{len(outcomes)} documents")
        self.outcomes = outcomes


Book = Callable[[Sequence[Posting], bool], Sequence[Outcome]]


def posted(tables: ErpTables, batch: Sequence[Posting], book: Book) -> list[Outcome]:
    """Books the batch without what the ERP won't have. ``book`` is one transaction; its flag says whether each call is
    to stand by itself, so that all that are refused are found at once. Raises ``ErpError``."""
    if tables.profile.post is None:
        return list(book(batch, False))
    settled: dict[int, Outcome] = {}
    rest, careful = list(batch), False
    while rest:
        try:
            outcomes = book(rest, careful)
        except UnbookedError as unbooked:
            settled |= unbooked.outcomes
            rest, careful = [one for one in rest if one.document_id not in settled], False
        except ErpError as error:
            if error.transient or careful:
                raise
            careful = True
        else:
            settled |= {outcome.document_id: outcome for outcome in outcomes}
            break
    return [settled[posting.document_id] for posting in batch]


class Calls:
    """What is handed over within one transaction. Raises ``ErpError`` and ``UnbookedError``."""

    def __init__(
        self, engine: call_statements.Engine, post: ProfileStatements, connection: Connection, *, careful: bool
    ) -> None:
        self._engine = engine
        self._tables = engine.tables
        self._post = post
        self._connection = connection
        self._careful = careful

    def sell(self, pairs: Sequence[tuple[Posting, Sale]]) -> None:
        """Hands the sales over, and notes what the ERP calls them."""
        numbers = self._together(pairs) if self._post.together else self._each("call", pairs)
        own = self._tables.sale
        made = own.rows([rows.sale_row(sale, posting.till) for posting, sale in pairs])
        added = [{**row, ERP_ID: numbers[posting.document_id]} for row, (posting, _) in zip(made, pairs, strict=True)]
        with classified(own.name):
            self._connection.execute(statements.add(own), added)

    def tell(self, which: Call, pairs: Pairs) -> None:
        """Hands over what became of booked sales. Where the profile has nothing for it, that is an answer too."""
        if not pairs:
            return
        if self._post.statements(which) is None:
            if which in _NEEDED:
                facts = {"call": which, "profile": self._tables.profile.name}
                refused = [_outcome(posting, Result.REFUSED, MISSING, facts) for posting, _ in pairs]
                raise UnbookedError({outcome.document_id: outcome for outcome in refused})
            return
        before = self._numbers([key for _, one in pairs if (key := _key(one))])
        answered = self._each(which, pairs, before)
        if which == "call_correction":
            self._renumber({_key(one): answered[posting.document_id] for posting, one in pairs}, before)

    def _each(self, which: Call, pairs: Pairs, numbers: Mapping[str, str] | None = None) -> dict[int, str]:
        """One call for each document; what the ERP calls each."""
        found: dict[int, str] = {}
        unbooked: dict[int, Outcome] = {}
        known = numbers or {}
        for posting, document in pairs:
            try:
                with self._apart():
                    answer = self._one(which, posting, document, known.get(_key(document), ""))
            except ErpError as error:
                if error.transient or not (self._careful or len(pairs) == 1):
                    raise
                unbooked[posting.document_id] = self._of_error(posting, error)
                continue
            settled = self._of_answer(posting, answer)
            if isinstance(settled, str):
                found[posting.document_id] = settled
            else:
                unbooked[posting.document_id] = settled
        if unbooked:
            raise UnbookedError(unbooked)
        return found

    def _one(self, which: Call, posting: Posting, document: Document, number: str) -> call_statements.Answer:
        """The answer of the first statement that gives one; the statements after it may use it as ``:id``."""
        written = msgspec.json.encode(told(document, posting.till)).decode()
        values = {"document": written, "access_key": _key(document), "id": number}
        answer: call_statements.Answer = {}
        for statement in self._post.statements(which) or []:
            with classified():
                given = call_statements.run(self._engine, self._connection, statement, values)
            if given and not answer:
                answer = only_one(given, [identity(document), _key(document)])
                values["id"] = number or _number(answer)
        return answer

    def _together(self, pairs: Sequence[tuple[Posting, Sale]]) -> dict[int, str]:
        """One call for all; a row for each document, or none at all where the ERP says nothing."""
        written = msgspec.json.encode([told(sale, posting.till) for posting, sale in pairs]).decode()
        answers: list[call_statements.Answer] = []
        try:
            for statement in self._post.statements("call") or []:
                with classified():
                    answers = answers or call_statements.run(
                        self._engine, self._connection, statement, {"documents": written}
                    )
        except ErpError as error:
            if error.transient or len(pairs) > 1:
                raise  # the poster halves the batch down to the culprit
            raise UnbookedError({pairs[0][0].document_id: self._of_error(pairs[0][0], error)}) from error
        by_identity = one_for_each(answers, [identity(sale) for _, sale in pairs])
        settled = {one.document_id: self._of_answer(one, by_identity.get(identity(sale), {})) for one, sale in pairs}
        unbooked = {document: given for document, given in settled.items() if isinstance(given, Outcome)}
        if unbooked:
            raise UnbookedError(unbooked)
        return {document: given for document, given in settled.items() if isinstance(given, str)}

    def _apart(self) -> AbstractContextManager[Any]:
        return self._connection.begin_nested() if self._careful else nullcontext()

    def _numbers(self, keys: Sequence[str]) -> dict[str, str]:
        """What the ERP calls these sales."""
        column = self._tables.sale.columns
        found: dict[str, str] = {}
        for some in statements.steps(set(keys)) if keys else ():
            with classified(self._tables.sale.name):
                asked = select(column.access_key, column[ERP_ID]).where(column.access_key.in_(some))
                found |= {key: number or "" for key, number in self._connection.execute(asked)}
        return found

    def _renumber(self, answered: Mapping[str, str], before: Mapping[str, str]) -> None:
        """An ERP that corrects a sale by booking another in its place calls it otherwise from then on."""
        for key, number in answered.items():
            if number and number != before.get(key):
                with classified(self._tables.sale.name):
                    changed = statements.change_sale(self._tables, [ERP_ID])
                    self._connection.execute(changed, {"of_key": key, ERP_ID: number})

    # ---- what the ERP said ----

    def _of_answer(self, posting: Posting, answer: call_statements.Answer) -> Outcome | str:
        """What the ERP calls the document, or that it won't have it."""
        said = str(answer.get("answer") or "booked").strip().lower()
        words = _presentable(posting, str(answer.get("words") or ""))
        match said:
            case "booked":
                return _number(answer)
            case "refused":
                return _outcome(posting, Result.REFUSED, REFUSED, {"detail": words or "refused", "said": words})
            case "wait":
                return _outcome(posting, Result.WAITS, WAITS, {"detail": words or "wait", "said": words})
        unknown = f"answer {presentable(said)[:40]!r}: known are booked, refused, wait"
        return _outcome(posting, Result.WAITS, BROKEN, {"detail": unknown})

    def _of_error(self, posting: Posting, error: ErpError) -> Outcome:
        code, state = error.code, error.facts.get("sqlstate", "")
        facts = dict(error.facts)
        if error.spoken:
            facts["said"] = _presentable(posting, error.spoken, error.facts.values())
        if state and not {state, state.removeprefix("ORA-")}.isdisjoint(self._post.wait):
            return _outcome(posting, Result.WAITS, WAITS, facts)
        # 2D: it ended the transaction, which only Malote may.
        if code == _OWN_FAULT or state.startswith(("42", "2D")):
            facts["detail"] = facts.get("said") or error.detail
            return _outcome(posting, Result.WAITS, BROKEN, facts)
        return _outcome(posting, Result.REFUSED, code, facts)


def _outcome(posting: Posting, result: Result, code: str, facts: dict[str, str]) -> Outcome:
    return Outcome(posting.document_id, result, {name: fact for name, fact in facts.items() if fact}, code)


def _presentable(posting: Posting, words: str, names: Iterable[str] = ()) -> str:
    """``names`` of the ERP's tables and columns may be shown, whatever they look like."""
    document = posting.document
    issuer = "" if isinstance(document, Answer) else document.issuer
    return presentable(words, known={issuer, *names}, secrets={document.consumer} if isinstance(document, Sale) else ())


def _key(document: Document) -> str:
    return getattr(document, "access_key", "")


def _number(answer: call_statements.Answer) -> str:
    """What the ERP calls it: ``id``, or whatever stands first where nothing is called so."""
    if "answer" in answer or "identity" in answer or "id" in answer:
        return str(answer.get("id") or "")
    return str(next(iter(answer.values()), "") or "")
