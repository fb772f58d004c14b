"""Signing in: one answer for every failure, waits that grow, and nobody locked out for good."""

import contextlib

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, func, select

from malote.accounts import audit, passwords, sessions, throttle, users
from malote.accounts.errors import SignInError
from malote.accounts.roles import Role
from malote.accounts.throttle import LIMITS
from malote.database.account_tables import sign_in_attempt, user_account
from malote.database.engine import open_database, reading, writing
from tests.engines.accounts_support import (
    BOSS,
    ELSEWHERE,
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


def failure(
    engine: Engine, name: str = "maria", password: str = WRONG, *, address: str = HERE, now: float = NOON
) -> SignInError:
    with pytest.raises(SignInError) as caught:
        enter(engine, name, password, address=address, now=now)
    return caught.value


def attempt(engine: Engine, name: str, address: str, *, known: bool = False, now: float = NOON) -> None:
    """A failed attempt without the cost of a password."""
    with writing(engine) as connection:
        throttle.reserve(connection, name, address, known=known, now=now)


def test_the_right_password_opens_a_session(accounts: Engine) -> None:
    add_user(accounts)
    signed_in = enter(accounts, " MARIA ")
    assert signed_in.user.name == "maria"
    assert len(signed_in.session_token) >= 43
    assert signed_in.csrf_token != signed_in.session_token


def test_unknown_wrong_and_disabled_are_one_answer_and_one_amount_of_work(
    accounts: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user(accounts, "maria")
    add_user(accounts, "jose")
    users.set_disabled(accounts, BOSS, "jose", True)
    looked_at: list[str] = []
    real = passwords.matches

    def counted(kept: str | None, password: str) -> bool:
        looked_at.append(password)
        return real(kept, password)

    monkeypatch.setattr(passwords, "matches", counted)
    errors = [failure(accounts, "maria"), failure(accounts, "ninguem"), failure(accounts, "jose", PASSWORD)]
    assert {(str(error), error.code, error.retry_after) for error in errors} == {
        ("sign_in_failed", "sign_in_failed", 0.0)
    }
    assert looked_at == [WRONG, WRONG, PASSWORD]


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "' OR 1=1 --", "x" * 1_000_000, "maria\0"])
def test_any_name_can_be_tried(accounts: Engine, name: str) -> None:
    add_user(accounts)
    assert failure(accounts, name, PASSWORD).code == "sign_in_failed"
    assert audit.verify(accounts) is None


def test_a_name_that_nobody_has_is_not_kept(accounts: Engine) -> None:
    failure(accounts, "minha-senha-secreta-9")
    assert "minha-senha-secreta-9" not in str(audit.entries(accounts))
    assert audit.entries(accounts)[0].object == "user:?"


def test_a_hash_of_older_parameters_is_renewed_at_sign_in(accounts: Engine) -> None:
    add_user(accounts)
    older = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with writing(accounts) as connection:
        connection.execute(user_account.update().values(password_hash=older))
    failure(accounts)
    assert hash_of(accounts) == older
    enter(accounts)
    assert not passwords.is_outdated(hash_of(accounts))
    enter(accounts)


def hash_of(engine: Engine) -> str:
    with reading(engine) as connection:
        return str(connection.execute(select(user_account.c.password_hash)).scalar_one())


def test_an_account_changed_while_its_password_was_looked_at_is_not_entered(
    accounts: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user(accounts)
    real = passwords.matches

    def slow(kept: str | None, password: str) -> bool:
        users.set_disabled(accounts, BOSS, "maria", True, now=NOON)
        return real(kept, password)

    monkeypatch.setattr(passwords, "matches", slow)
    assert failure(accounts, password=PASSWORD).code == "sign_in_failed"


def test_wrong_passwords_make_the_next_attempt_wait_even_the_right_one(accounts: Engine) -> None:
    add_user(accounts)
    for _ in range(5):
        assert failure(accounts).code == "sign_in_failed"
    throttled = failure(accounts, password=PASSWORD)
    assert (throttled.code, throttled.retry_after) == ("sign_in_throttled", 1.0)
    assert enter(accounts, now=NOON + 1.5).user.name == "maria"


def test_an_attempt_while_waiting_counts_for_nothing(accounts: Engine) -> None:
    for _ in range(5):
        attempt(accounts, "maria", HERE)
    for _ in range(50):
        assert failure(accounts, now=NOON + 0.5).retry_after == 0.5
    attempt(accounts, "maria", HERE, now=NOON + 1)  # the sixth: 2 seconds from here
    assert failure(accounts, now=NOON + 1).retry_after == 2.0


def test_success_forgives_the_user(accounts: Engine) -> None:
    add_user(accounts)
    for _ in range(4):
        failure(accounts)
    enter(accounts)
    for _ in range(5):
        assert failure(accounts).code == "sign_in_failed"


def test_the_waits_survive_a_restart_and_hold_on_every_server(accounts: Engine, accounts_url: str) -> None:
    for _ in range(5):
        attempt(accounts, "maria", HERE)
    accounts.dispose()
    other = open_database(accounts_url)
    assert failure(other).code == "sign_in_throttled"
    other.dispose()


def test_a_hundred_attempts_at_once_are_no_way_round(accounts: Engine, accounts_url: str) -> None:
    other = open_database(accounts_url)
    jobs = [lambda engine=engine: attempt(engine, "maria", HERE) for engine in (accounts, other) * 8]
    results = at_once(*jobs)
    passed = [result for result in results if result is None]
    assert len(passed) == LIMITS["pair"].free + 1
    assert {result.code for result in results if isinstance(result, SignInError)} == {"sign_in_throttled"}
    other.dispose()


def test_many_addresses_together_are_slowed_at_one_user(accounts: Engine) -> None:
    for number in range(LIMITS["user"].free + 1):
        attempt(accounts, "maria", f"203.0.113.{number}")
    with pytest.raises(SignInError):
        attempt(accounts, "maria", "198.51.100.1")
    attempt(accounts, "jose", "198.51.100.1")


def test_one_address_is_slowed_whoever_it_tries(accounts: Engine) -> None:
    for number in range(LIMITS["address"].free + 1):
        attempt(accounts, f"user{number}", ELSEWHERE)
    with pytest.raises(SignInError):
        attempt(accounts, "another", ELSEWHERE)
    attempt(accounts, "another", HERE)


def test_nobody_elsewhere_can_keep_a_user_out_of_a_known_place(accounts: Engine) -> None:
    add_user(accounts)
    enter(accounts)
    for number in range(40):
        with contextlib.suppress(SignInError):
            attempt(accounts, "maria", f"203.0.113.{number}", now=NOON + 100)
    assert enter(accounts, now=NOON + 100).user.name == "maria"
    assert failure(accounts, password=PASSWORD, address="198.51.100.1", now=NOON + 100).code == "sign_in_throttled"


def test_no_wait_is_longer_than_a_minute_and_an_hour_forgives_all(accounts: Engine) -> None:
    now, waits = NOON, []
    for _ in range(30):
        attempt(accounts, "maria", HERE, now=now)
        waits.append(wait_of(accounts, now=now))
        now += waits[-1]
    assert waits == [0.0] * 4 + [1.0, 2.0, 4.0, 8.0, 16.0, 32.0] + [60.0] * 20
    for _ in range(LIMITS["pair"].free):
        attempt(accounts, "maria", HERE, now=now + 3601)


def wait_of(engine: Engine, *, now: float) -> float:
    """How long the user would have to wait now."""
    try:
        with writing(engine) as connection:
            throttle.reserve(connection, "maria", HERE, known=False, now=now)
            connection.rollback()
    except SignInError as error:
        return error.retry_after
    return 0.0


def test_a_clock_that_was_set_back_locks_nobody_out(accounts: Engine) -> None:
    for _ in range(5):
        attempt(accounts, "maria", HERE, now=NOON)
    attempt(accounts, "maria", HERE, now=NOON - 30 * 86400)


def test_one_good_account_buys_no_guesses_at_others(accounts: Engine) -> None:
    add_user(accounts, "malvado")
    for number in range(LIMITS["address"].free):
        attempt(accounts, f"user{number}", ELSEWHERE)
    enter(accounts, "malvado", address=ELSEWHERE)
    with pytest.raises(SignInError):
        attempt(accounts, "maria", ELSEWHERE)


def test_the_table_is_bounded_and_old_rows_are_dropped(accounts: Engine) -> None:
    with writing(accounts) as connection:
        buckets = {throttle._bucket("user", f"name{number}", "") for number in range(2000)}
        throttle.reserve(connection, "maria", HERE, known=False, now=NOON)
    assert all(0 <= bucket < 65536 for bucket in buckets)
    assert len(buckets) > 1900
    throttle.purge(accounts, now=NOON + 3000)
    assert rows(accounts) == 3
    users.purge(accounts, now=NOON + 4000)
    assert rows(accounts) == 0


def rows(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(sign_in_attempt)).scalar_one()


def test_a_reset_password_works_at_once(accounts: Engine) -> None:
    add_user(accounts)
    failure(accounts)
    users.set_password(accounts, BOSS, "maria", OTHER_PASSWORD, now=NOON)
    assert enter(accounts, password=OTHER_PASSWORD).user.must_change_password


def test_a_password_that_somebody_else_gave_expires(accounts: Engine) -> None:
    add_user(accounts, fresh=True)
    end = NOON + users.ONE_TIME_SECONDS
    assert enter(accounts, now=end - 1).user.must_change_password
    assert failure(accounts, password=PASSWORD, now=end + 1).code == "one_time_password_expired"
    assert failure(accounts, now=end + 1).code == "sign_in_failed", "only who knows it is told"
    users.set_disabled(accounts, BOSS, "maria", True)
    assert failure(accounts, password=PASSWORD, now=end + 2).code == "sign_in_failed"
    users.set_disabled(accounts, BOSS, "maria", False)
    users.set_password(accounts, BOSS, "maria", OTHER_PASSWORD, now=end + 3)
    user = enter(accounts, password=OTHER_PASSWORD, now=end + 4).user
    users.change_password(accounts, user, OTHER_PASSWORD, PASSWORD, address=HERE, now=end + 5)
    assert not enter(accounts, now=end + 10 * users.ONE_TIME_SECONDS).user.must_change_password


def test_the_first_administrators_password_expires_too(accounts: Engine) -> None:
    password = users.ensure_first_administrator(accounts, now=NOON)
    assert password is not None
    end = NOON + users.ONE_TIME_SECONDS
    assert users.waits_for_its_first_sign_in(accounts, now=end - 1)
    assert not users.waits_for_its_first_sign_in(accounts, now=end + 1)
    assert failure(accounts, users.FIRST_ADMINISTRATOR, password, now=end + 1).code == "one_time_password_expired"


def test_sign_ins_sign_outs_and_changes_at_once_never_wait_in_a_ring(accounts: Engine, accounts_url: str) -> None:
    add_user(accounts)
    add_user(accounts, "jose")
    other = open_database(accounts_url)
    tokens = [enter(accounts, name).session_token for name in ("maria", "jose") for _ in range(2)]
    results = at_once(
        *(lambda engine=engine: enter(engine) for engine in (accounts, other)),
        *(lambda token=token: sessions.end(other, token, now=NOON) for token in tokens),
        lambda: users.set_role(other, BOSS, "maria", Role.OPERADOR, now=NOON),
        lambda: users.set_password(accounts, BOSS, "jose", OTHER_PASSWORD, now=NOON),
        lambda: sessions.find(other, tokens[0], now=NOON + 120),
        lambda: users.purge(accounts, now=NOON),
    )
    assert [result for result in results if isinstance(result, Exception)] == []
    assert audit.verify(accounts) is None
    other.dispose()


def test_an_attempt_begun_while_a_good_sign_in_forgives_the_earlier_ones(accounts: Engine) -> None:
    def signs_in_rightly() -> None:
        for _ in range(40):
            with writing(accounts) as connection:
                reservation = throttle.reserve(connection, "maria", HERE, known=True, now=NOON)
            with writing(accounts) as connection:
                throttle.succeeded(connection, reservation)

    results = at_once(*[signs_in_rightly] * 4)
    # Four at once may make each other wait; none may be lost.
    unexpected = [result for result in results if result is not None and not isinstance(result, SignInError)]
    assert unexpected == []
