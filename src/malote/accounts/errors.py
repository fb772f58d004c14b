"""What can't be done to an account, and why a sign-in is refused."""


class AccountError(Exception):
    """What was asked is not possible as it was asked; nothing was changed.

    ``code`` and the names of ``facts`` are those of the catalogue of ``malote.rejection``. Never holds a password.
    """

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(f"{code}: {facts}" if facts else code)
        self.code = code
        self.facts = facts


class SignInError(Exception):
    """Nobody was signed in.

    ``code``: ``sign_in_failed`` (unknown user, wrong password or disabled: the answer doesn't tell which) or
    ``sign_in_throttled``, after which ``retry_after`` seconds must pass before the next try is looked at.
    """

    def __init__(self, code: str, *, retry_after: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
