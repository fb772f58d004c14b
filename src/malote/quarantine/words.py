"""What happened to a document, in words."""

from malote.quarantine.reports import Event
from malote.rejection import Language


def words(event: Event, language: Language) -> str:
    """One line: "Reprocessado", "Arquivo removido da pasta à mão; era a última cópia e foi gravado de novo"."""
    raise NotImplementedError
