"""A signature of the size and form of a real one. It signs nothing: demo documents are of the test environment."""

import base64
import hashlib
from functools import cache

_ALGORITHMS = (
    '<CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
    '<SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"/>'
)
_TRANSFORMS = (
    '<Transforms><Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
    '<Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/></Transforms>'
    '<DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>'
)
_SIGNATURE_BYTES = 256  # RSA with 2048 bits
_CERTIFICATE_BYTES = 1480  # what an A1 certificate has, more or less


def digest(text: str) -> bytes:
    """SHA-1 as the layout prescribes; 20 bytes."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()


def element(identifier: str, signed: bytes, owner: str) -> str:
    """The ``Signature`` of the element with the attribute Id ``identifier``, whose digest is ``signed``."""
    value = base64.b64encode(_filling(signed.hex(), _SIGNATURE_BYTES)).decode()
    return (
        f'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>{_ALGORITHMS}'
        f'<Reference URI="#{identifier}">{_TRANSFORMS}'
        f"<DigestValue>{base64.b64encode(signed).decode()}</DigestValue></Reference></SignedInfo>"
        f"<SignatureValue>{value}</SignatureValue>"
        f"<KeyInfo><X509Data><X509Certificate>{_certificate(owner)}</X509Certificate></X509Data></KeyInfo></Signature>"
    )


@cache
def _certificate(owner: str) -> str:
    return base64.b64encode(_filling(owner, _CERTIFICATE_BYTES)).decode()


def _filling(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)
