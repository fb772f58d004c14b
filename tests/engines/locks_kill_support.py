"""Somebody who blocks the ERP, and who is blocked."""

from typing import Any

from malote.accounts.audit import Actor
from malote.erp.sessions.protocol import SessionIdentity
from malote.locks.lock_service import Locks
from tests.engines.locks_support import (
    People,
    Person,
    by_program,
    tree_when,
    waiting_programs,
)

ACTOR = Actor("maria", "10.0.0.7")
ROW = "INSERT INTO stock VALUES ('11222333000181', '1001', 5)"
HOLD_ROW = "UPDATE stock SET quantity = quantity - 1 WHERE product_code = '1001'"
REASON = "vendas paradas, chamado 812"


def blocked(people: People) -> tuple[Person, Any]:
    """Somebody holds a row and went away; somebody else waits for it."""
    people.run(ROW)
    holder = people.holding(HOLD_ROW)
    return holder, people.person("outro").tries(HOLD_ROW)


def root_of(locks: Locks, program: str = "retaguarda") -> SessionIdentity:
    return by_program(tree_when(locks, waiting_programs(1)))[program].identity
