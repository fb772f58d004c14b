"""Consumers as the faces use them: one object, wired by the composition root. Every method raises ``StoreError``."""

import time

from sqlalchemy import Engine

from malote.accounts import consumers
from malote.accounts.consumers import Consumer
from malote.consumers import log, pulling
from malote.consumers.lines import SaleTold, Telling
from malote.consumers.log import Got
from malote.consumers.pulling import Page
from malote.rejection import Language
from malote.spool import feed


class Consumers:
    """Safe for threads."""

    def __init__(self, engine: Engine, language: Language) -> None:
        self.engine = engine
        self._language = language

    def authenticate(self, token: str) -> Consumer:
        """Raises ``TokenError``."""
        return consumers.authenticate(self.engine, token)

    def listed(self) -> list[Consumer]:
        """All consumers by name, revoked ones too."""
        return consumers.listed(self.engine)

    def end(self) -> int:
        """How many changes there are, those without a number too."""
        return feed.end(self.engine)

    def telling(self, consumer: Consumer) -> Telling:
        """How this one is told."""
        return Telling(self._language, consumer.personal)

    def pull(self, consumer: Consumer, cursor: str, limit: int) -> Page:
        """The next page, once it is noted that the consumer has what came before. Raises ``CursorError``."""
        page = pulling.page(self.engine, self.telling(consumer), cursor, limit)
        got = Got("pulled", page.count, page.first, page.last) if page.count else None
        if got or page.asked_after > consumer.got:
            log.note_pull(self.engine, consumer.id, page.asked_after, got, time.time())
        return page

    def find_sale(self, consumer: Consumer, access_key: str) -> SaleTold | None:
        """None where nothing of the key is here."""
        return pulling.sale(self.engine, self.telling(consumer), access_key)
