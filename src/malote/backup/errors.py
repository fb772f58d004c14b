"""What keeps a backup from being made or put back."""

from malote.explained_error import ExplainedError


class BackupError(ExplainedError):
    """A backup can't be made, read or put back."""
