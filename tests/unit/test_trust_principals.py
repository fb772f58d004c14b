"""Whose a credential is: tokens, the gate, and that no secret shows in a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malote.trust import tokens
from malote.trust.principals import Credential, CredentialError, Gate, Principal, Role

CAIXA = Principal("till", 1, "caixa1", None)
FEED = Principal("consumer", 1, "bi", None)


def _knows(scheme: str, text: str, principal: Principal[object]) -> object:
    def verify(credential: Credential) -> Principal[object] | None:
        if credential.scheme != scheme:
            return None
        if credential.text != text:
            raise CredentialError("token_invalid")
        return principal

    return verify


GATE = Gate([_knows("bearer", "a", CAIXA), _knows("signature", "b", CAIXA), _knows("oidc", "c", FEED)])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("scheme", "text", "roles", "found"),
    [
        ("bearer", "a", ("till",), CAIXA),
        ("signature", "b", ("till", "consumer"), CAIXA),
        ("oidc", "c", ("consumer",), FEED),
        ("oidc", "c", ("till",), None),
        ("bearer", "b", ("till",), None),
        ("basic", "a", ("till",), None),
        ("bearer", "a", (), None),
    ],
)
def test_whose_it_is_by_whatever_way_it_is_shown(
    scheme: str, text: str, roles: tuple[Role, ...], found: Principal[object] | None
) -> None:
    if found is not None:
        assert GATE.principal(Credential(scheme, text), *roles) == found
        return
    with pytest.raises(CredentialError) as caught:
        GATE.principal(Credential(scheme, text), *roles)
    assert caught.value.code == "token_invalid"


def test_what_is_shown_stands_in_no_log() -> None:
    assert "hush" not in repr(Credential("bearer", "hush"))


@given(st.integers(1, 10**17 - 1), st.sampled_from(["", "c"]))
def test_a_token_is_parted_as_it_was_written(number: int, prefix: str) -> None:
    secret = tokens.new_secret()
    token = tokens.written(number, secret, prefix)
    assert tokens.parted(token, prefix) == (number, secret)
    assert tokens.parted(token, "c" if prefix == "" else "")[0] == 0
    assert tokens.is_right(secret, tokens.hash_of(secret))
    assert not tokens.is_right(secret, tokens.hash_of(token))


@pytest.mark.parametrize("kept", [None, b""])
def test_nothing_is_the_secret_of_who_has_none(kept: bytes | None) -> None:
    assert not tokens.is_right("", kept)
