"""Whether an exported day is what the server signed: one program for a stranger, who needs Python, the file and the
server's public key, and nothing else of Malote's.

    python verifying.py FILE --key PUBLIC_KEY_OR_ITS_FIRST_16_DIGITS

It imports only what Python brings. docs/books.md has the recipe, so that others can write their own.
"""

import argparse
import hashlib
import json
import re
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

CHAIN = "chain.json"
SEAL = "malote-day/1 "  # then the file's hash and the signature of it, in hex: the archive's comment, its last bytes
SEAL_LENGTH = len(SEAL) + 64 + 1 + 128
GENESIS = "0" * 64  # what a till's first entry is chained to
STATES = ("booked", "cancelled", "withdrawn")
FIELDS = ("malote", "till", "day", "turn", "kind", "previous", "count", "total", "digest")
_SEALED = re.compile(SEAL + r"([0-9a-f]{64}) ([0-9a-f]{128})")
_LINE = re.compile(r"([0-9A-Z]{1,60}) (booked|cancelled|withdrawn) ([0-9]{1,18}) ([0-9a-f]{64}|-)")


def digest_of(lines: list[str]) -> str:
    """SHA-256 over the lines ``KEY STATE CENTS FILE``, each with a line feed, in the order of their bytes."""
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()


def link_of(statement: str) -> str:
    """What the next entry is chained to."""
    return hashlib.sha256(statement.encode()).hexdigest()


def lines_name(till: str, turn: int) -> str:
    return f"{till}/{turn:06d}.txt"


def document_name(till: str, sha256: str) -> str:
    return f"{till}/{sha256}.xml"


def verify(content: bytes, key: str) -> list[str]:
    """What is wrong with the file, if anything. ``key``: the server's public key in hex, or its first digits (16)."""
    wrong = _seal(content)
    try:
        archive = zipfile.ZipFile(BytesIO(content))
        names = archive.namelist()
        members = {name: archive.read(name) for name in names}
        chain = json.loads(members[CHAIN])
        public, entries = (
            str(chain["public_key"]),
            [(str(one["statement"]), str(one["signature"])) for one in chain["entries"]],
        )
    except Exception as error:  # noqa: BLE001 - whatever a damaged archive makes its reading raise
        return [*wrong, f"the archive can't be read: {type(error).__name__}"]
    wrong += [f"{name}: stands twice in the archive" for name in sorted({one for one in names if names.count(one) > 1})]
    if len(key) < 16 or not public.startswith(key.lower()):
        wrong.append(f"signed with another key: {public[:16]}")
    if not wrong and not is_signed(_SEALED.fullmatch(_tail(content)), public):
        wrong.append("the file's signature isn't the server's")
    return wrong + _entries(members, public, entries)


def contents(content: bytes) -> list[dict[str, Any]]:
    """Which till-days the file says it holds, with count and total (cents), for whoever asked for one to compare: a
    whole file in another's place is as it was signed, too. Of a file with anything wrong it means nothing."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        names = set(archive.namelist())
        said = [json.loads(one["statement"]) for one in json.loads(archive.read(CHAIN))["entries"]]
    held = [one for one in said if lines_name(one["till"], one["turn"]) in names]
    return [{field: one[field] for field in ("day", "till", "turn", "kind", "count", "total")} for one in held]


def told(one: dict[str, Any]) -> str:
    """One line for people."""
    whole, cents = divmod(abs(one["total"]), 100)
    return f"{one['day']}  {one['till']}  {one['kind']} {one['turn']}: {one['count']} x, R$ {whole}.{cents:02d}"


def _tail(content: bytes) -> str:
    return content[-SEAL_LENGTH:].decode("ascii", "replace")


def _seal(content: bytes) -> list[str]:
    """The whole file up to its seal: any changed byte shows here, whatever it belongs to."""
    found = _SEALED.fullmatch(_tail(content))
    if found is None:
        return ["the file has no seal at its end: it was cut off or written anew"]
    if hashlib.sha256(content[:-SEAL_LENGTH]).hexdigest() != found[1]:
        return ["the file was changed after it was sealed"]
    return []


def is_signed(sealed: "re.Match[str] | None", public: str) -> bool:
    return sealed is not None and verifies(bytes.fromhex(public), sealed[1].encode(), bytes.fromhex(sealed[2]))


def _entries(members: dict[str, bytes], public: str, entries: list[tuple[str, str]]) -> list[str]:
    wrong: list[str] = []
    expected = {CHAIN}
    before: dict[str, tuple[int, str]] = {}  # by till, the turn and link of the entry before
    for statement, signature in entries:
        try:
            said = json.loads(statement)
            till, turn = str(said["till"]), int(said["turn"])
            signed = verifies(bytes.fromhex(public), statement.encode(), bytes.fromhex(signature))
        except (ValueError, KeyError, TypeError):
            wrong.append("an entry of the chain can't be read")
            continue
        where = f"{till}, {said.get('day')}, entry {turn}"
        if not signed:
            wrong.append(f"{where}: the signature isn't the server's")
        if till in before and (turn != before[till][0] + 1 or said.get("previous") != before[till][1]):
            wrong.append(f"{where}: isn't chained to the entry before")
        if turn == 1 and said.get("previous") != GENESIS:
            wrong.append(f"{where}: the first entry is chained to something")
        before[till] = turn, link_of(statement)
        if lines_name(till, turn) in members or said.get("day") == _day(entries):
            wrong += _lines(members, said, expected, where)
    return wrong + [f"{name}: belongs to no sale" for name in sorted(set(members) - expected)]


def _day(entries: list[tuple[str, str]]) -> Any:
    """The day that was exported: that of the last entry."""
    return json.loads(entries[-1][0]).get("day")


def _lines(members: dict[str, bytes], said: dict[str, Any], expected: set[str], where: str) -> list[str]:
    till = str(said["till"])
    name = lines_name(till, int(said["turn"]))
    expected.add(name)
    if name not in members:
        return [f"{where}: its list of sales is missing"]
    lines = members[name].decode("utf-8", "replace").splitlines()
    wrong = []
    if members[name] != "".join(f"{line}\n" for line in sorted(lines)).encode() or digest_of(lines) != said.get(
        "digest"
    ):
        wrong.append(f"{where}: the list of sales isn't the one that was signed")
    parsed = [found for line in lines if (found := _LINE.fullmatch(line))]
    keys = [found[1] for found in parsed]
    wrong += [f"{where}: sale {key} stands twice" for key in sorted({one for one in keys if keys.count(one) > 1})]
    totals = sum(int(found[3]) for found in parsed)
    if len(parsed) != len(lines) or len(lines) != said.get("count") or totals != said.get("total"):
        wrong.append(f"{where}: count or total isn't that of the list")
    for found in parsed:
        if found[4] == "-":
            continue
        document = document_name(till, found[4])
        expected.add(document)
        if document not in members:
            wrong.append(f"{where}: sale {found[1]} was left out")
        elif hashlib.sha256(members[document]).hexdigest() != found[4]:
            wrong.append(f"{where}: the document of sale {found[1]} was changed")
    return wrong


# ---- Ed25519 as in RFC 8032, checking only ----

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_I = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the public key signed the message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    owner, nonce = _decompressed(public), _decompressed(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if owner is None or nonce is None or scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    return _same(_times(scalar, _BASE), _plus(nonce, _times(challenge, owner)))


def _decompressed(encoded: bytes) -> Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _I % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _plus(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = _plus(found, point)
        point, scalar = _plus(point, point), scalar >> 1
    return found


def _same(one: Point, other: Point) -> bool:
    return not (one[0] * other[2] - other[0] * one[2]) % _P and not (one[1] * other[2] - other[1] * one[2]) % _P


_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE = _decompressed(_Y.to_bytes(32, "little")) or (0, 1, 1, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a day that malote books export wrote.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", required=True, help="the server's public key, or at least its first 16 digits")
    given = parser.parse_args()
    content = given.file.read_bytes()
    wrong = verify(content, given.key)
    for line in wrong or [told(one) for one in contents(content)]:
        print(line)
    print("NOT as it was signed" if wrong else "as it was signed: nothing changed, left out or doubled")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
