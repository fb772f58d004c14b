"""How a page refuses: by raising."""

from malote.explained_error import ExplainedError


class PageRefusedError(ExplainedError):
    """The request is not served. ``status`` is HTTP's."""

    def __init__(self, code: str, status: int, **facts: str) -> None:
        super().__init__(code, **facts)
        self.status = status
