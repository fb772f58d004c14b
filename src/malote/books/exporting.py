"""A closed day in one file: its entries of the chain, their lists of sales, and the files as they came. Sealed."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from io import BytesIO

import msgspec
from sqlalchemy import Engine, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books import chain
from malote.books.chain import ChainEntry, Signer
from malote.books.verifying import CHAIN, SEAL, SEAL_LENGTH, document_name, lines_name
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.fiscal.access_key import is_well_formed, split
from malote.register import contents

_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every member: when it was written says the chain


class UnexportedSale(msgspec.Struct, frozen=True):
    """One whose file isn't in the export. ``total`` in cents; ``number`` where its key tells it; ``sha256`` of the file
    as it came, in hex."""

    till: str
    access_key: str
    series: int | None
    number: int | None
    total: int
    sha256: str


class ExportedDay(msgspec.Struct, frozen=True):
    """``content`` is the file; ``pruned`` are the sales whose files left the server, ``damaged`` those whose file isn't
    what came any more. Neither is in it."""

    content: bytes
    tills: int
    sales: int
    pruned: list[UnexportedSale]
    damaged: list[UnexportedSale] = []


def export(engine: Engine, signer: Signer, day: date, actor: Actor) -> ExportedDay:
    """Of a day that is closed. All of it is in memory; who has it is then in the audit trail. Raises ``StoreError``."""
    found = chain.entries(engine, day)
    wanted = chain.hashes_of(found, day)
    spoilt: set[str] = set()
    files = dict(_files(engine, wanted, spoilt))
    members = {CHAIN: _chain(found, signer)}
    for entry in found:
        if entry.day == day:
            text = "".join(f"{line}\n" for line in sorted(entry.lines))
            members[lines_name(entry.till, entry.turn)] = text.encode()
    members |= files
    left_out = [one for one in _sales(found, day) if document_name(one.till, one.sha256) not in files]
    if wanted:
        with writing(engine) as connection:
            audit.record(
                connection, actor, "day_exported", "server", after={"day": day.isoformat(), "tills": len(wanted)}
            )
    return ExportedDay(
        _sealed(members, signer),
        len(wanted),
        sum(map(len, wanted.values())),
        [one for one in left_out if one.sha256 not in spoilt],
        [one for one in left_out if one.sha256 in spoilt],
    )


def _sales(found: Sequence[ChainEntry], day: date) -> list[UnexportedSale]:
    """Of the day's entries, as their lines tell them: by till and key, each once."""
    sales: dict[tuple[str, str, str], UnexportedSale] = {}
    for entry in found:
        for line in entry.lines if entry.day == day else ():
            access_key, _, cents, sha256 = line.split(" ")
            parts = split(access_key) if is_well_formed(access_key) else None
            series, number = (parts.series, parts.number) if parts else (None, None)
            if sha256 != "-":
                one = UnexportedSale(entry.till, access_key, series, number, int(cents), sha256)
                sales[entry.till, access_key, sha256] = one
    return sorted(sales.values(), key=lambda one: (one.till, one.access_key))


def _chain(found: Sequence[ChainEntry], signer: Signer) -> bytes:
    entries = [{"statement": one.statement, "signature": one.signature} for one in found]
    return json.dumps({"public_key": signer.public, "entries": entries}, indent=1).encode()


def _files(engine: Engine, wanted: dict[str, set[str]], spoilt: set[str]) -> Iterator[tuple[str, bytes]]:
    """``spoilt`` is told of the hashes of what came and isn't that any more."""
    for till, hashes in wanted.items():
        hash_of: dict[int, str] = {}
        damaged: set[int] = set()
        with reading(engine) as connection:
            for some in chunks(sorted(hashes)):
                query = select(documents.c.id, documents.c.file_sha256).join_from(documents, tills)
                own = documents.c.file_sha256.in_([bytes.fromhex(one) for one in some])
                for row in connection.execute(query.where(tills.c.name == till, own)):
                    hash_of[row.id] = bytes(row.file_sha256).hex()
        for place, _, content in contents.of_documents(engine, hash_of, damaged):
            yield document_name(till, hash_of[place]), content
        spoilt |= {hash_of[one] for one in damaged}


def _sealed(members: dict[str, bytes], signer: Signer) -> bytes:
    """The archive, whose comment is the hash of all before it and the signature of that."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
        archive.comment = b" " * SEAL_LENGTH
    body = file.getvalue()[:-SEAL_LENGTH]
    sha256 = hashlib.sha256(body).hexdigest()
    return body + f"{SEAL}{sha256} {signer.sign(sha256.encode())}".encode()
