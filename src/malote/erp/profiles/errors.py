"""What is wrong with a profile."""


class ProfileError(Exception):
    """A profile can't be used. ``where`` is the file or name, then section and column; ``why`` is in English."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why
