"""A person who uses the console, as the rest of Malote sees one."""

import msgspec
from sqlalchemy import RowMapping

from malote.accounts.roles import Permission, Role, permissions
from malote.database.account_tables import user_account

# Everything but the password's hash.
COLUMNS = [column for column in user_account.columns if column.name != "password_hash"]


class User(msgspec.Struct, frozen=True):
    """Times are seconds since the epoch."""

    id: int
    name: str  # what the person signs in with; in lower case
    display_name: str
    role: Role
    disabled: bool
    must_change_password: bool
    created_at: float
    password_changed_at: float
    last_signed_in_at: float | None

    def may(self, permission: Permission) -> bool:
        """Nobody may anything while disabled, or before a password given by somebody else was changed."""
        return not self.disabled and not self.must_change_password and permission in permissions(self.role)


def user_of(row: RowMapping) -> User:
    """The user of a row that has ``COLUMNS``."""
    values = {column.name: row[column.name] for column in COLUMNS}
    return User(**(values | {"role": Role(values["role"])}))
