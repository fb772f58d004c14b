"""The table of roles and permissions."""

import itertools

import msgspec
import pytest

from malote.accounts.roles import Permission, Role, permissions
from malote.accounts.user import User

NOBODY = User(1, "maria", "Maria", Role.ADMINISTRADOR, False, False, 0.0, 0.0, None)


def test_each_role_may_more_than_the_one_before_it() -> None:
    for lower, higher in itertools.pairwise(Role):
        assert permissions(lower) < permissions(higher)


def test_the_administrator_may_everything() -> None:
    assert permissions(Role.ADMINISTRADOR) == set(Permission)


@pytest.mark.parametrize(
    ("permission", "least"),
    [
        (Permission.SEE, Role.CONSULTA),
        (Permission.SYNCHRONISE, Role.OPERADOR),
        (Permission.REPLAY, Role.OPERADOR),
        (Permission.DOWNLOAD, Role.OPERADOR),
        (Permission.DELETE_REJECTED, Role.OPERADOR),
        (Permission.DELETE_LAST_COPY, Role.SUPORTE),
        (Permission.CURE, Role.SUPORTE),
        (Permission.APPLY_STRUCTURES, Role.SUPORTE),
        (Permission.LOAD, Role.OPERADOR),
        (Permission.CONFIRM_LOAD, Role.SUPORTE),
        (Permission.SEE_LOCKS, Role.SUPORTE),
        (Permission.KILL_SESSION, Role.DBA),
        (Permission.SEE_AUDIT, Role.DBA),
        (Permission.MANAGE_TILLS, Role.ADMINISTRADOR),
        (Permission.MANAGE_USERS, Role.ADMINISTRADOR),
    ],
)
def test_who_may_what(permission: Permission, least: Role) -> None:
    order = list(Role)
    assert [role for role in order if permission in permissions(role)] == order[order.index(least) :]


def test_a_user_may_what_the_role_may() -> None:
    reader = msgspec.structs.replace(NOBODY, role=Role.CONSULTA)
    assert reader.may(Permission.SEE)
    assert not reader.may(Permission.SYNCHRONISE)


@pytest.mark.parametrize("state", ["disabled", "must_change_password"])
def test_nobody_may_anything_while_disabled_or_with_a_borrowed_password(state: str) -> None:
    user = msgspec.structs.replace(NOBODY, **{state: True})
    assert not any(user.may(permission) for permission in Permission)
