"""Whether a note's signature is over what the note says: the digest of its content, computed anew.

The digest is of the canonical form (Canonical XML 1.0) of infNFe, by SHA-1, or by SHA-256 where it is so long
(Manual de Orientação do Contribuinte, "Padrão de assinatura digital"). Whether the certificate's key made the
signature isn't looked at.
"""

import base64
import hashlib

from lxml import etree

from malote.fiscal.reading_limits import LARGEST_SALE
from malote.fiscal.tree import child_of

_WITH_NAMESPACE = b'<infNFe xmlns="http://www.portalfiscal.inf.br/nfe" '
_BY_LENGTH = {20: "sha1", 32: "sha256"}
# What the canonical form costs grows with the square of these; no sale has more than a handful.
_MOST_ATTRIBUTES = 20  # of one element
_MOST_NAMESPACES = 100  # declared in all
_crowded = etree.XPath(f"boolean(descendant-or-self::*[@*[{_MOST_ATTRIBUTES + 1}]])")


def signs(note: etree._Element, digest: str) -> bool:
    """Whether ``digest`` (DigestValue, base64) is that of this ``NFe``'s infNFe. Never raises.

    What no sale looks like, or has no canonical form, isn't signed by anybody.
    """
    content = child_of(note, "infNFe")
    try:
        algorithm = _BY_LENGTH.get(len(wanted := base64.b64decode(digest, validate=True)))
    except ValueError:  # no base64, or no ASCII
        return False
    if content is None or algorithm is None:
        return False
    try:
        return _has_digest(content, algorithm, wanted)
    except etree.LxmlError:  # the namespace of some element is relative, say, or another than a note's
        return False


def _has_digest(content: etree._Element, algorithm: str, wanted: bytes) -> bool:
    """Raises ``LxmlError``."""
    # Before it is written: that alone costs the square of the attributes.
    if _crowded(content):
        return False
    written = etree.tostring(content, with_tail=False)
    if len(written) > LARGEST_SALE or written.count(b" xmlns") > _MOST_NAMESPACES:
        return False
    # A tree of its own, for lxml writes xmlns="" into an element's grandchildren where the namespace is inherited; with
    # the usual namespace, which ``tree.parse`` took out.
    alone = etree.fromstring(written.replace(b"<infNFe ", _WITH_NAMESPACE, 1))
    if _digest(alone, algorithm) == wanted:
        return True
    etree.cleanup_namespaces(alone)  # a wrapper may have brought namespaces that weren't there when it was signed
    return _digest(alone, algorithm) == wanted


def _digest(content: etree._Element, algorithm: str) -> bytes:
    return hashlib.new(algorithm, etree.tostring(content, method="c14n"), usedforsecurity=False).digest()
