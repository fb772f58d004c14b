"""What can't be done to an account, and why a sign-in is refused."""

from malote.explained_error import ExplainedError


class AccountError(ExplainedError):
    """What was asked is not possible as it was asked; nothing was changed. Never holds a password."""


class SignInError(ExplainedError):
    """Nobody was signed in.

    ``code``: ``sign_in_failed`` (unknown user, wrong password or disabled: the answer doesn't tell which) or
    ``sign_in_throttled``, after which ``retry_after`` seconds must pass before the next try is looked at.
    """

    def __init__(self, code: str, *, retry_after: float = 0.0) -> None:
        super().__init__(code, **({"seconds": str(max(1, round(retry_after)))} if retry_after else {}))
        self.retry_after = retry_after
