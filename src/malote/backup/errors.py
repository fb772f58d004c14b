"""What keeps a backup from being made or put back."""


class BackupError(Exception):
    """``code`` stands in the catalogue of reasons, ``facts`` fill its texts."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(f"{code}: {facts}")
        self.code = code
        self.facts = facts
