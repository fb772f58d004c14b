"""What goes wrong while looking at sessions, or ending one."""


class SessionsError(Exception):
    """``code`` and the names of ``facts`` are those of ``malote.rejection``. Never holds a password."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(f"{code}: {facts}" if facts else code)
        self.code = code
        self.facts = facts
