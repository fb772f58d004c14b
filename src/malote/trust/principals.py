"""Who speaks: from what somebody shows (a credential) to whose it is (a principal).

Callers know principals alone. A new way to show who one is (a key, a certificate, an identity provider's token) is one
more verifier, handed to the gate by the composition root.
"""

from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeVar

import msgspec

from malote.explained_error import ExplainedError

Role = Literal["till", "consumer"]
Subject = TypeVar("Subject", covariant=True)


class Credential(msgspec.Struct, frozen=True):
    """As it came. ``scheme`` in lower case, as ``bearer``."""

    scheme: str
    text: str

    def __repr__(self) -> str:
        return f"Credential({self.scheme})"  # the text is a secret


class Principal(msgspec.Struct, Generic[Subject], frozen=True):
    """Whose a credential is. ``subject``: what the room that knows it has of it."""

    role: Role
    id: int
    name: str
    subject: Subject


class CredentialError(ExplainedError):
    """Who sent this may not. ``code``: ``token_invalid`` or ``till_disabled``."""


# None where the credential is of another sort; raises ``CredentialError`` where it is of this one, and wrong.
Verifier = Callable[[Credential], Principal[object] | None]


class Gate:
    """Safe for threads."""

    def __init__(self, verifiers: Sequence[Verifier]) -> None:
        self._verifiers = tuple(verifiers)

    def principal(self, credential: Credential, *roles: Role) -> Principal[object]:
        """Whose it is, one of these roles. Raises ``CredentialError``: of one that exists or not, it says the same."""
        for verify in self._verifiers:
            found = verify(credential)
            if found is not None:
                if found.role not in roles:
                    break
                return found
        raise CredentialError("token_invalid")
