"""What every session of Malote's is set to, whatever the server's own settings."""

import math
from typing import Any

import msgspec

from malote.erp.protocol import Introduce

# Without strictness the server cuts what is too long, and says nothing that anybody would hear.
_STRICT = "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES')"


LIMIT = "SET SESSION max_statement_time = {seconds:.3f}"


class WaitingLimits(msgspec.Struct, frozen=True):
    """Seconds for which a lock is waited for, and a statement may take."""

    lock: float
    statement: float


def prepare(driver: Any, limits: WaitingLimits, introduce: Introduce | None) -> None:
    """At each new connection. The server knows whole seconds of waiting, at least one. Raises as the driver."""
    lock = max(1, math.ceil(limits.lock))
    with driver.cursor() as cursor:
        cursor.execute(_STRICT)
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {lock}, SESSION lock_wait_timeout = {lock}")
        if "MariaDB" in driver.get_server_info():
            cursor.execute(LIMIT.format(seconds=limits.statement))
        else:  # MySQL limits SELECT only, in milliseconds
            cursor.execute(f"SET SESSION max_execution_time = {round(limits.statement * 1000)}")
    if introduce is not None:
        introduce(str(driver.thread_id()), "")
