"""What is wrong with the settings."""

from collections.abc import Mapping

from malote.explained_error import ExplainedError
from malote.rejection import Language


class SettingsError(ExplainedError):
    """A settings file can't be used; says which setting and why. ``language`` is the file's, where it could be read."""

    exit_status = 2  # nothing was tried: who runs the command must say it otherwise

    def __init__(
        self,
        said: str,
        code: str = "settings_unusable",
        facts: Mapping[str, str] | None = None,
        language: Language = "pt",
    ) -> None:
        super().__init__(code, **(facts if facts is not None else {"detail": said}))
        self.args = (said,)
        self.language = language
