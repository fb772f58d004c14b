"""What may be a password, and how it is kept."""

import re

import pytest
from argon2 import PasswordHasher

from malote.accounts import passwords
from malote.accounts.errors import AccountError

GOOD = "três gatos no telhado"


@pytest.mark.parametrize(
    "password", [GOOD, "k3v9x2m7q4zt", "correct horse battery", "a" * 100 + "bcdef", "ÇÃÉÕÚÂ12345678"]
)
def test_a_long_password_will_do(password: str) -> None:
    passwords.check(password, "maria")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_too_short"),
        ("k3v9x2m7q4z", "password_too_short"),
        ("x1y2z3" * 43, "password_too_long"),
        ("x1y2z3" * 1_000_000, "password_too_long"),
        ("aaaaaaaaaaaaaa", "password_too_plain"),
        ("abcabcabcabcabc", "password_too_plain"),
        ("123456789012", "password_too_plain"),
        ("Qwertyuiop123", "password_too_plain"),
        ("senhasenha2026", "password_too_plain"),
        ("Administrador1!", "password_too_plain"),
        ("MARIA.SILVA2026", "password_too_plain"),
    ],
)
def test_what_will_not_do(password: str, code: str) -> None:
    with pytest.raises(AccountError) as caught:
        passwords.check(password, "maria.silva")
    assert caught.value.code == code
    assert not password or password not in str(caught.value)


@pytest.mark.usefixtures("costly_hashes")
def test_a_hash_is_argon2id_with_its_own_salt() -> None:
    kept = passwords.hashed(GOOD)
    assert re.match(r"\$argon2id\$v=19\$m=32768,t=3,p=1\$", kept)
    assert kept != passwords.hashed(GOOD)
    assert GOOD not in kept


def test_only_the_password_matches_its_hash() -> None:
    kept = passwords.hashed(GOOD)
    assert passwords.matches(kept, GOOD)
    assert not passwords.matches(kept, GOOD + " ")
    assert not passwords.matches(kept, "")


def test_keyboards_that_compose_accents_differently_agree() -> None:
    composed, decomposed = "tr\u00eas gatos no telhado", "tre\u0302s gatos no telhado"
    assert composed != decomposed
    assert passwords.matches(passwords.hashed(composed), decomposed)
    assert passwords.are_same(composed, decomposed)


@pytest.mark.parametrize("password", ["x" * 10_000_000, "\0", "\ud800 lone surrogate", "😀" * 20])
def test_anything_can_be_tried_as_a_password(password: str) -> None:
    assert not passwords.matches(passwords.hashed(GOOD), password)


@pytest.mark.parametrize("kept", [None, "", "plain", "$argon2id$v=19$m=8,t=1,p=1$AAAA", "$argon2id$damaged"])
def test_no_hash_or_a_damaged_one_lets_nobody_in(kept: str | None) -> None:
    assert not passwords.matches(kept, GOOD)


def test_looking_for_nobodys_password_is_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
            asked.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Watched(time_cost=3, memory_cost=32 * 1024, parallelism=1))
    kept = passwords.hashed(GOOD)
    passwords.matches(kept, "wrong")
    passwords.matches(None, "wrong")
    parameters = [hash_.split("$")[:4] for hash_ in asked]
    assert len(asked) == 2
    assert parameters[0] == parameters[1]
    assert [len(part) for part in asked[0].split("$")] == [len(part) for part in asked[1].split("$")]


def test_a_hash_with_other_parameters_is_outdated_and_still_matches() -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    assert passwords.is_outdated(older)
    assert passwords.matches(older, GOOD)
    assert not passwords.is_outdated(passwords.hashed(GOOD))


def test_one_time_passwords_are_legible_and_never_the_same() -> None:
    made = {passwords.one_time() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        assert re.fullmatch(r"([a-hj-km-np-z2-9]{5}-){3}[a-hj-km-np-z2-9]{5}", password)
        passwords.check(password, "administrador")
