"""The one base of the errors that people are told: a code of the catalogue, and the facts that fill its words."""

from malote import rejection
from malote.rejection import Cure, Language


class ExplainedError(Exception):
    """What was asked can't be done.

    ``code`` and the names of ``facts`` are those of ``malote.rejection``, which says the rest: what happened, what to
    do, who can cure it, whether trying again may. The facts hold no consumer's data and no secret.
    """

    exit_status = 3  # of a command that ends with it: it could not be done now

    def __init__(self, code: str, /, **facts: str) -> None:
        super().__init__(f"{code}: {facts}" if facts else code)
        self.code = code
        self.facts = facts

    @property
    def transient(self) -> bool:
        """Whether the same may succeed later by itself."""
        return rejection.entry(self.code).transient

    @property
    def cure(self) -> Cure:
        return rejection.entry(self.code).cure

    def told(self, language: Language) -> tuple[str, str, str]:
        """Title, cause and remedy."""
        return (
            rejection.title(self.code, language),
            rejection.cause(self.code, self.facts, language),
            rejection.remedy(self.code, self.facts, language),
        )
