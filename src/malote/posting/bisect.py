"""One bad document never holds back the others: a batch that fails for good is halved down to the culprit."""

from collections.abc import Callable, Iterator, Sequence

from malote.erp.protocol import ErpError, Outcome, Posting

Parts = Iterator[tuple[Sequence[Posting], list[Outcome] | ErpError]]


def post_in_parts(post: Callable[[Sequence[Posting]], list[Outcome]], batch: Sequence[Posting]) -> Parts:
    """The batch in parts, in order, each with its outcomes, or with the error that concerns all of it.

    A part with a permanent error is a single document. A transient error ends the attempt: it comes with everything
    that is not booked yet, since trying the rest would only wait for the same lock again.
    """
    pending = [batch] if batch else []
    while pending:
        part = pending.pop()
        try:
            outcomes = post(part)
        except ErpError as error:
            if error.transient:
                yield [posting for rest in (part, *reversed(pending)) for posting in rest], error
                return
            if len(part) == 1:
                yield part, error
                continue
            middle = len(part) // 2
            pending += [part[middle:], part[:middle]]
        else:
            yield part, outcomes
