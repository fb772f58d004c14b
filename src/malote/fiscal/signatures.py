"""Whether a note's signature is over what the note says: the digest of its content, computed anew.

The digest is of the canonical form (Canonical XML 1.0) of infNFe, by SHA-1, or by SHA-256 where it is so long
(Manual de Orientação do Contribuinte, "Padrão de assinatura digital"). Whether the certificate's key made the
signature isn't looked at.
"""

import base64
import binascii
import hashlib

from lxml import etree

from malote.fiscal.tree import child_of

_WITH_NAMESPACE = b'<infNFe xmlns="http://www.portalfiscal.inf.br/nfe" '
_BY_LENGTH = {20: "sha1", 32: "sha256"}


def signs(note: etree._Element, digest: str) -> bool:
    """Whether ``digest`` (DigestValue, base64) is that of this ``NFe``'s infNFe."""
    content = child_of(note, "infNFe")
    try:
        algorithm = _BY_LENGTH.get(len(wanted := base64.b64decode(digest, validate=True)))
    except binascii.Error:
        return False
    if content is None or algorithm is None:
        return False
    # A tree of its own, for lxml writes xmlns="" into an element's grandchildren where the namespace is inherited; with
    # the usual namespace, which ``tree.parse`` took out.
    alone = etree.fromstring(etree.tostring(content, with_tail=False).replace(b"<infNFe ", _WITH_NAMESPACE, 1))
    if _digest(alone, algorithm) == wanted:
        return True
    etree.cleanup_namespaces(alone)  # a wrapper may have brought namespaces that weren't there when it was signed
    return _digest(alone, algorithm) == wanted


def _digest(content: etree._Element, algorithm: str) -> bytes:
    return hashlib.new(algorithm, etree.tostring(content, method="c14n"), usedforsecurity=False).digest()
