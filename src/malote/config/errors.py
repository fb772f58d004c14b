"""What is wrong with the settings."""

from collections.abc import Mapping

from malote.rejection import Language


class SettingsError(Exception):
    """A settings file can't be used; says which setting and why.

    ``code`` and ``facts`` are the catalogue's where the reason has its words there; ``language`` is the file's.
    """

    def __init__(
        self, said: str, code: str = "", facts: Mapping[str, str] | None = None, language: Language = "pt"
    ) -> None:
        super().__init__(said)
        self.code = code
        self.facts = dict(facts or {})
        self.language = language
