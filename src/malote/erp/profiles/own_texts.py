"""The texts that a profile writes by itself, whatever a document says."""

from collections.abc import Iterator, Mapping

from malote.erp.profiles.syntax import Call, Constant, Expression


def texts_of(expression: Expression, lookups: Mapping[str, Mapping[str, str | int]]) -> Iterator[str]:
    """Its constants, and what its lookup tables lead to."""
    match expression:
        case Constant(value=str(value)):
            yield value
        case Call(function="lookup", arguments=(inner, Constant(value=str(name)), *_)):
            yield from texts_of(inner, lookups)
            yield from (one for one in lookups.get(name, {}).values() if isinstance(one, str))
        case Call(function="query"):
            return  # its texts are names; what it gives is the ERP's own
        case Call(arguments=arguments):
            for one in arguments:
                yield from texts_of(one, lookups)


def whole_texts_of(expression: Expression, lookups: Mapping[str, Mapping[str, str | int]]) -> Iterator[str]:
    """Of an expression that gives nothing else: a constant, a lookup, one of several by ``present``."""
    match expression:
        case Constant(value=str(value)):
            yield value
        case Call(function="lookup", arguments=(_, Constant(value=str(name)), *_)):
            yield from (one for one in lookups.get(name, {}).values() if isinstance(one, str))
        case Call(function="present", arguments=(_, *values)):
            for one in values:
                yield from whole_texts_of(one, lookups)
