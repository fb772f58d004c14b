"""What a message says: cause, count, value, age, where, and what to do. Nothing of a consumer stands in any of it."""

from datetime import UTC, datetime, tzinfo

from malote import rejection
from malote.alerts.policy import MOST_TILLS, AlertCause, AlertNotice
from malote.bilingual import Bilingual
from malote.config import Settings
from malote.plain import clean


def message(settings: Settings, one: AlertNotice, zone: tzinfo | None = None) -> tuple[str, str]:
    """Title and body. ``zone``: the store's clock; None for this machine's."""
    language = settings.language
    title = rejection.title(one.code, language)
    store = clean(settings.store.name)
    if one.cause is None:
        over = Bilingual("Resolvido", "Over").of(settings.language)
        return f"Malote · {store}: {over}: {title}", f"{over}: {title} [{one.code}]"
    return f"Malote · {store}: {title}", "\n".join(_lines(one.cause, settings, zone))


def test_message(settings: Settings) -> tuple[str, str]:
    """To see whether it comes."""
    store = clean(settings.store.name)
    said = Bilingual("Teste: os avisos desta loja chegam aqui.", "This is a test: alerts of this store come here.").of(
        settings.language
    )
    return f"Malote · {store}: {Bilingual('teste', 'test').of(settings.language)}", said


def _lines(cause: AlertCause, settings: Settings, zone: tzinfo | None) -> list[str]:
    language = settings.language
    lines = [f"{rejection.title(cause.code, language)} [{cause.code}]"]
    figures = [str(cause.count)] if cause.count else []
    if cause.value:
        cents = f"{cause.value // 100:,}".replace(",", Bilingual(".", "").of(language))
        figures.append(f"R$ {cents}{Bilingual(',', '.').of(language)}{cause.value % 100:02d}")
    if cause.since:
        since = datetime.fromtimestamp(cause.since, UTC).astimezone(zone)
        figures.append(f"{Bilingual('desde', 'since').of(language)} {since:%d/%m %H:%M}")
    lines += [" · ".join(figures)] if figures else []
    if cause.tills:
        more = f" (+{len(cause.tills) - MOST_TILLS})" if len(cause.tills) > MOST_TILLS else ""
        lines.append(f"{Bilingual('Caixas', 'Tills').of(language)}: {', '.join(cause.tills[:MOST_TILLS])}{more}")
    return [*lines, rejection.remedy(cause.code, cause.facts, language)]
