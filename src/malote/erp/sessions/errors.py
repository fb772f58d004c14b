"""What goes wrong while looking at sessions, or ending one."""

from malote.explained_error import ExplainedError


class SessionsError(ExplainedError):
    """Never holds a password."""
