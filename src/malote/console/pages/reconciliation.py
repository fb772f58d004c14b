"""Conciliação: tills × business days, with what arrived and what is proven; and the sales behind each day."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from litestar import Response, get

from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer_shared
from malote.console.visits import ConsoleRequest, parameters, services_of
from malote.fiscal import typed_input

DAYS = 30
LONGEST_NAME = 60


def context(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    """Of all tills, a page of them."""
    board = services.books.board(None, given.get("after", "")[:LONGEST_NAME].lower(), DAYS)
    used = [day for day in board.days if any(day in row.cells for row in board.rows)]
    outside, unguarded = services.books.outside(), services.books.unguarded()
    return {"section": "reconciliation", "board": board, "days": used, "outside": outside, "unguarded": unguarded}


def of_till(services: ConsoleServices, till: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Of one till: its days, or the sales of the one that was chosen."""
    day = day_of(given.get("day"))
    if day is not None:
        listed = services.books.day(till, day)
        closing = next((one for one in services.books.closings(till, day) if one.day == day), None)
        return {
            "day": day,
            "listed": listed,
            "closing": closing,
            "ruled": services.books.ruled(till, day),
            "answerable": any(one.differs.startswith("till_") for one in listed),
        }
    board = services.books.board(till, "", DAYS)
    cells = board.rows[0].cells if board.rows else {}
    return {"day": None, "cells": [cells[one] for one in reversed(board.days) if one in cells]}


def day_of(text: str | None) -> date | None:
    return typed_input.day(text or "")


@get("/reconciliation", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str] | Response[bytes]:
    return answer_shared(request, "reconciliation", lambda: context(services_of(request), parameters(request)))


HANDLERS: list[Any] = [show]
