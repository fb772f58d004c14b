"""How what a suggested profile asks its tables is written here. None of it is run by Malote itself."""

HOUR = "select cast(:moment as time)"
DAY_NUMBER = "select cast(date_format(:moment, '%Y%m%d') as signed)"
HOUR_NUMBER = "select cast(date_format(:moment, '%H%i%s') as signed)"

_OWN = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%i", "SS": "%s"}


def as_text(column: str) -> str:
    return f"cast({column} as char)"


def without_mask(column: str) -> str:
    return f"replace(replace(replace({column}, '.', ''), '/', ''), '-', '')"


def first(condition: str) -> str:
    return f"order by {condition} desc limit 1"


def moment_as(shape: str) -> str:
    for word, own in _OWN.items():
        shape = shape.replace(word, own)
    return f"select date_format(:moment, '{shape}')"


def drawn(sequence: str) -> str:
    return f"nextval({sequence})"
