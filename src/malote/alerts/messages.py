"""What a message says: cause, count, value, age, where, and what to do. Nothing of a consumer stands in any of it."""

from datetime import datetime

from malote import rejection
from malote.alerts.policy import MOST_TILLS, Cause, Notice
from malote.config import Settings
from malote.plain import clean


def message(settings: Settings, one: Notice) -> tuple[str, str]:
    """Title and body."""
    english, language = settings.language == "en", settings.language
    title = rejection.title(one.code, language)
    store = clean(settings.store.name)
    if one.cause is None:
        over = "Over" if english else "Resolvido"
        return f"Malote · {store}: {over}: {title}", f"{over}: {title} [{one.code}]"
    return f"Malote · {store}: {title}", "\n".join(_lines(one.cause, settings, english=english))


def test_message(settings: Settings) -> tuple[str, str]:
    """To see whether it comes."""
    english = settings.language == "en"
    store = clean(settings.store.name)
    said = "This is a test: alerts of this store come here." if english else "Teste: os avisos desta loja chegam aqui."
    return f"Malote · {store}: {'test' if english else 'teste'}", said


def _lines(cause: Cause, settings: Settings, *, english: bool) -> list[str]:
    language = settings.language
    lines = [f"{rejection.title(cause.code, language)} [{cause.code}]"]
    figures = [str(cause.count)] if cause.count else []
    if cause.value:
        cents = f"{cause.value // 100:,}".replace(",", "" if english else ".")
        figures.append(f"R$ {cents}{'.' if english else ','}{cause.value % 100:02d}")
    if cause.since:
        since = datetime.fromtimestamp(cause.since).astimezone()
        figures.append(f"{'since' if english else 'desde'} {since:%d/%m %H:%M}")
    lines += [" · ".join(figures)] if figures else []
    if cause.tills:
        more = f" (+{len(cause.tills) - MOST_TILLS})" if len(cause.tills) > MOST_TILLS else ""
        lines.append(f"{'Tills' if english else 'Caixas'}: {', '.join(cause.tills[:MOST_TILLS])}{more}")
    return [*lines, rejection.remedy(cause.code, cause.facts, language)]
