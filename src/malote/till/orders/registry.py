"""The kinds of orders that this agent carries out. A new one is a file beside this, and a line here."""

from malote.till.orders.handling import Handler
from malote.till.orders.load import ApplyLoad
from malote.till.orders.structure import UpdateStructure
from malote.till.orders.synchronise import Synchronise

HANDLERS: tuple[type[Handler], ...] = (Synchronise, UpdateStructure, ApplyLoad)
