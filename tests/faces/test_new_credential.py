"""Another way to show who one is (here: a till's own key) is one more verifier at the gate, and touches no caller."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec

from malote import wire
from malote.tills import till as tills
from malote.tills.till import Till
from malote.trust.principals import Credential, CredentialError, Gate, Principal
from malote.trust.signatures import is_signed
from malote.trust.signing_key import SigningKey
from tests.faces.intake_support import PROTOCOL, serving, settings_in, store_with_till

KEY = SigningKey(bytes(range(32)))


def test_a_till_that_shows_a_signature_instead_of_a_token(tmp_path: Path) -> None:
    with store_with_till(settings_in(tmp_path / "home")) as (services, till, token):

        def by_key(credential: Credential) -> Principal[Till] | None:
            name, _, signature = credential.text.partition(":")
            if credential.scheme != "signature":
                return None
            if not is_signed(name.encode(), signature, KEY.public):
                raise CredentialError("token_invalid")
            return tills.principal(tills.find_till(services.engine, name))

        vars(services)["gate"] = Gate([by_key, *services.gate._verifiers])
        said = wire.Contact("1", datetime.now(UTC), 0, 0)
        with serving(services) as address, httpx.Client(base_url=address, headers=PROTOCOL) as http:

            def contact(shown: str) -> httpx.Response:
                headers = {"Authorization": shown}
                return http.post(wire.PATH_CONTACT, content=msgspec.json.encode(said), headers=headers)

            signed = f"Signature {till.name}:{KEY.sign(till.name.encode())}"
            assert msgspec.json.decode(contact(signed).content, type=wire.ContactReply).till == "caixa1"
            assert contact(f"Bearer {token}").status_code == 200
            for wrong in (signed[:-1], f"Bearer {signed}", f"Signature {token}", token, ""):
                assert contact(wrong).status_code == 401, wrong
            tills.disable(services.engine, "caixa1")
            assert contact(signed).status_code == 403
