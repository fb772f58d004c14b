"""How a page refuses: by raising."""


class RefusedError(Exception):
    """The request is not served. ``code`` is in the catalogue; ``status`` is HTTP's."""

    def __init__(self, code: str, status: int, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.facts = facts
