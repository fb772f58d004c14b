"""Users: the first administrator, creating, roles, disabling, passwords given by somebody else."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select

from malote.accounts import audit, sessions, users
from malote.accounts.errors import AccountError, SignInError
from malote.accounts.roles import Permission, Role
from malote.accounts.users import User
from malote.database.account_tables import user_account
from malote.database.engine import open_database, reading
from tests.engines.accounts_support import (
    BOSS,
    HERE,
    NOON,
    OTHER_PASSWORD,
    PASSWORD,
    WRONG,
    add_user,
    at_once,
    enter,
)

pytest_plugins = ("tests.engines.accounts_store",)


def test_the_first_administrator_is_made_once_and_must_change_the_password(accounts: Engine) -> None:
    one_time = users.ensure_first_administrator(accounts, now=NOON)
    assert one_time is not None
    assert users.ensure_first_administrator(accounts, now=NOON) is None
    signed_in = enter(accounts, "administrador", one_time)
    assert signed_in.user.role is Role.ADMINISTRADOR
    assert signed_in.user.must_change_password
    assert not signed_in.user.may(Permission.SEE)
    changed = users.change_password(accounts, signed_in.user, one_time, OTHER_PASSWORD, address=HERE, now=NOON + 5)
    assert changed.user.may(Permission.MANAGE_USERS)
    with pytest.raises(SignInError):
        enter(accounts, "administrador", one_time)


def test_servers_that_start_at_once_make_one_administrator(accounts: Engine, accounts_url: str) -> None:
    other = open_database(accounts_url)
    made = at_once(
        *(lambda engine=engine: users.ensure_first_administrator(engine) for engine in (accounts, other, accounts))
    )
    assert len([password for password in made if password is not None]) == 1
    assert [user.name for user in users.listed(accounts)] == ["administrador"]
    assert all(password is None or isinstance(password, str) for password in made)
    other.dispose()


def test_where_there_are_users_no_administrator_is_made(accounts: Engine) -> None:
    add_user(accounts, role=Role.CONSULTA)
    assert users.ensure_first_administrator(accounts) is None


def test_a_user_is_kept_as_created(accounts: Engine) -> None:
    created = users.create(
        accounts, BOSS, " Maria.Silva ", role=Role.DBA, password=PASSWORD, display_name="Maria  da\nSilva", now=NOON
    )
    assert users.get(accounts, "MARIA.SILVA") == created
    assert (created.name, created.display_name, created.role) == ("maria.silva", "Maria da Silva", Role.DBA)
    assert (created.disabled, created.must_change_password) == (False, True)
    assert (created.created_at, created.last_signed_in_at) == (NOON, None)
    assert enter(accounts, "maria.silva", now=NOON + 60).user.last_signed_in_at == NOON + 60


@pytest.mark.parametrize(
    "name",
    ["", "m", "maria silva", "maría", "../maria", "maria\0", "<b>maria</b>", "-maria", "ma" * 40, "m\ud800a"],
)
def test_names_that_will_not_do(accounts: Engine, name: str) -> None:
    with pytest.raises(AccountError) as caught:
        add_user(accounts, name)
    assert caught.value.code == "user_name_invalid"
    assert users.listed(accounts) == []


def test_a_name_is_taken_whatever_its_capitals(accounts: Engine) -> None:
    add_user(accounts)
    with pytest.raises(AccountError) as caught:
        add_user(accounts, "MARIA")
    assert caught.value.code == "user_exists"


def test_two_creations_at_once_make_one_user(accounts: Engine, accounts_url: str) -> None:
    other = open_database(accounts_url)
    results = at_once(lambda: add_user(accounts), lambda: add_user(other))
    assert sorted(type(result).__name__ for result in results) == ["AccountError", "User"]
    other.dispose()


def test_a_weak_password_creates_nobody(accounts: Engine) -> None:
    with pytest.raises(AccountError) as caught:
        users.create(accounts, BOSS, "maria", role=Role.SUPORTE, password="123")
    assert caught.value.code == "password_too_short"
    assert users.listed(accounts) == []


def test_passwords_are_nowhere_in_the_database(accounts: Engine) -> None:
    add_user(accounts)
    with reading(accounts) as connection:
        kept = connection.execute(select(user_account.c.password_hash)).scalar_one()
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept
    assert "argon2" not in str(audit.entries(accounts))


@pytest.mark.parametrize("change", ["role", "disable", "password"])
def test_every_change_of_an_account_ends_its_sessions_and_only_its(accounts: Engine, change: str) -> None:
    for name in ("maria", "jose"):
        add_user(accounts, name)
    hers = [enter(accounts).session_token for _ in range(2)]
    his = enter(accounts, "jose").session_token
    match change:
        case "role":
            users.set_role(accounts, BOSS, "maria", Role.CONSULTA, now=NOON)
        case "disable":
            users.set_disabled(accounts, BOSS, "maria", True, now=NOON)
        case _:
            users.set_password(accounts, BOSS, "maria", OTHER_PASSWORD, now=NOON)
    assert [sessions.find(accounts, token, now=NOON + 1) for token in hers] == [None, None]
    assert sessions.find(accounts, his, now=NOON + 1) is not None


def test_a_new_role_holds_at_the_next_sign_in(accounts: Engine) -> None:
    add_user(accounts, role=Role.CONSULTA)
    assert not enter(accounts).user.may(Permission.CURE)
    users.set_role(accounts, BOSS, "maria", Role.SUPORTE, reason="promoção", now=NOON)
    assert enter(accounts).user.may(Permission.CURE)
    entry = audit.entries(accounts, action="user_role_changed")[0]
    assert (entry.actor, entry.object, entry.reason) == ("chefe", "user:maria", "promoção")
    assert (entry.before, entry.after) == ({"role": "consulta"}, {"role": "suporte"})


def test_a_disabled_user_gets_the_answer_of_a_wrong_password_until_enabled(accounts: Engine) -> None:
    add_user(accounts)
    users.set_disabled(accounts, BOSS, "maria", True, now=NOON)
    with pytest.raises(SignInError) as caught:
        enter(accounts)
    assert caught.value.code == "sign_in_failed"
    users.set_disabled(accounts, BOSS, "maria", False, now=NOON)
    assert enter(accounts).user.name == "maria"


def test_a_password_given_by_somebody_else_must_be_changed(accounts: Engine) -> None:
    add_user(accounts)
    users.set_password(accounts, BOSS, "maria", OTHER_PASSWORD, now=NOON)
    with pytest.raises(SignInError):
        enter(accounts)
    assert enter(accounts, password=OTHER_PASSWORD).user.must_change_password


def test_nobody_unknown_is_changed(accounts: Engine) -> None:
    changes: list[Callable[[], User]] = [
        lambda: users.get(accounts, "nobody"),
        lambda: users.set_role(accounts, BOSS, "nobody", Role.DBA),
        lambda: users.set_disabled(accounts, BOSS, "no\0body", True),
        lambda: users.set_password(accounts, BOSS, "nobody", PASSWORD),
    ]
    for change in changes:
        with pytest.raises(AccountError) as caught:
            change()
        assert caught.value.code == "user_unknown"
    assert audit.entries(accounts) == []


def test_the_last_administrator_stays(accounts: Engine) -> None:
    add_user(accounts, "chefe", Role.ADMINISTRADOR)
    add_user(accounts, "vice", Role.ADMINISTRADOR)
    users.set_disabled(accounts, BOSS, "vice", True)
    changes: list[Callable[[], User]] = [
        lambda: users.set_role(accounts, BOSS, "chefe", Role.DBA),
        lambda: users.set_disabled(accounts, BOSS, "chefe", True),
    ]
    for change in changes:
        with pytest.raises(AccountError) as caught:
            change()
        assert caught.value.code == "last_administrator"
    users.set_role(accounts, BOSS, "vice", Role.CONSULTA)  # disabled already: nothing is lost
    assert users.get(accounts, "chefe").role is Role.ADMINISTRADOR


def test_two_administrators_cannot_remove_each_other_at_once(accounts: Engine, accounts_url: str) -> None:
    other = open_database(accounts_url)
    add_user(accounts, "um", Role.ADMINISTRADOR)
    add_user(accounts, "dois", Role.ADMINISTRADOR)
    results = at_once(
        lambda: users.set_disabled(accounts, BOSS, "um", True),
        lambda: users.set_role(other, BOSS, "dois", Role.CONSULTA),
    )
    assert sorted(type(result).__name__ for result in results) == ["AccountError", "User"]
    left = [user for user in users.listed(accounts) if user.role is Role.ADMINISTRADOR and not user.disabled]
    assert len(left) == 1
    other.dispose()


def test_a_users_own_change_asks_for_the_old_password(accounts: Engine) -> None:
    user = add_user(accounts)
    before = enter(accounts)
    with pytest.raises(AccountError) as caught:
        users.change_password(accounts, user, WRONG, OTHER_PASSWORD, address=HERE, now=NOON)
    assert caught.value.code == "password_wrong"
    assert sessions.find(accounts, before.session_token, now=NOON) is not None
    after = users.change_password(accounts, user, PASSWORD, OTHER_PASSWORD, address=HERE, now=NOON)
    assert sessions.find(accounts, before.session_token, now=NOON) is None
    assert sessions.find(accounts, after.session_token, now=NOON) is not None
    assert enter(accounts, password=OTHER_PASSWORD).user.name == "maria"


def test_a_users_own_change_changes_something(accounts: Engine) -> None:
    user = add_user(accounts, fresh=True)
    with pytest.raises(AccountError) as caught:
        users.change_password(accounts, user, PASSWORD, PASSWORD, address=HERE, now=NOON)
    assert caught.value.code == "password_unchanged"
    assert users.get(accounts, "maria").must_change_password


def test_the_old_password_cannot_be_guessed_from_a_stolen_session(accounts: Engine) -> None:
    user = add_user(accounts)
    for _ in range(5):
        with pytest.raises(AccountError) as wrong:
            users.change_password(accounts, user, WRONG, OTHER_PASSWORD, address=HERE, now=NOON)
        assert wrong.value.code == "password_wrong"
    with pytest.raises(SignInError) as caught:
        users.change_password(accounts, user, PASSWORD, OTHER_PASSWORD, address=HERE, now=NOON)
    assert caught.value.code == "sign_in_throttled"


def test_all_that_happened_to_an_account_is_in_the_trail(accounts: Engine) -> None:
    user = add_user(accounts)
    token = enter(accounts).session_token
    with pytest.raises(SignInError):
        enter(accounts, password=WRONG)
    users.change_password(accounts, user, PASSWORD, OTHER_PASSWORD, address=HERE, now=NOON)
    sessions.end(accounts, token, now=NOON)  # ended already by the change: no entry
    sessions.end(accounts, enter(accounts, password=OTHER_PASSWORD).session_token, now=NOON)
    users.set_disabled(accounts, BOSS, "maria", True, now=NOON)
    trail = [(entry.actor, entry.action) for entry in reversed(audit.entries(accounts, on="user:maria"))]
    assert trail == [
        ("chefe", "user_created"),
        ("maria", "signed_in"),
        ("maria", "sign_in_failed"),
        ("maria", "password_changed"),
        ("maria", "signed_in"),
        ("maria", "signed_out"),
        ("chefe", "user_disabled"),
    ]
    assert audit.verify(accounts) is None
