"""How a check says that something is wrong."""


class CheckFailedError(Exception):
    """The ERP did something else than it must. The message says what, in English, for whoever looks after it."""


class NotApplicableError(Exception):
    """The check has no meaning here; the message says why."""


def expect(truth: bool, otherwise: str) -> None:
    """Raises ``CheckFailedError`` where it isn't true."""
    if not truth:
        raise CheckFailedError(otherwise)


def same(found: object, expected: object, what: str) -> None:
    """Raises ``CheckFailedError`` where the two differ."""
    if found != expected:
        raise CheckFailedError(f"{what}: expected {_short(expected)}, found {_short(found)}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 300 else text[:300] + "…"
