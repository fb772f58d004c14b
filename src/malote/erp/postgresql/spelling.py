"""How what a suggested profile asks its tables is written here. None of it is run by Malote itself."""

HOUR = "select :moment::time"
DAY_NUMBER = "select to_char(:moment, 'YYYYMMDD')::integer"
HOUR_NUMBER = "select to_char(:moment, 'HH24MISS')::integer"


def as_text(column: str) -> str:
    return f"{column}::text"


def without_mask(column: str) -> str:
    return f"translate({column}::text, './-', '')"


def first(condition: str) -> str:
    return f"order by {condition} desc nulls last limit 1"


def moment_as(shape: str) -> str:
    return f"select to_char(:moment, '{shape}')"


def drawn(sequence: str) -> str:
    return f"nextval('{sequence}')"
