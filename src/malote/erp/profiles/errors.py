"""What is wrong with a profile."""

from malote.explained_error import ExplainedError


class ProfileError(ExplainedError):
    """A profile can't be used. ``where`` is the file or name, then section and column; ``why`` is in English."""

    def __init__(self, where: str, why: str) -> None:
        self.detail = f"{where}: {why}"
        super().__init__("erp_profile_invalid", detail=self.detail)
        self.where = where
        self.why = why
