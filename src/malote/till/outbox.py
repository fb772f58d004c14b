"""The till's outbox: every captured file, kept until the server proves it posted, and for a while longer.

One ``Outbox`` is one connection and belongs to one thread; several may be open on the same file.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from malote import frames
from malote.disk import DISK, Disk
from malote.plain import readable
from malote.till import storage
from malote.till.outbox_records import CapturedFile, CaptureRefusal, FileAnswer, FileMark, OutboxCounts, StoredFile

LONGEST_HOLD_SECONDS = 3600.0
_LONGEST_MESSAGE = 500

_INSERT_FILE = """
    INSERT INTO file (sha256, path, name, size, mtime_ns, content, captured_at, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, 'captured')
    ON CONFLICT (sha256) DO UPDATE
        SET content = excluded.content, state = 'captured', code = NULL, message = NULL, asked_turn = 0
        WHERE file.state = 'held' AND file.content IS NULL
"""
_INSERT_DOCUMENT = """
    INSERT OR IGNORE INTO document
        (file_id, position, kind, access_key, issuer, model, series, number, last_number, issued_at, total)
    SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM file WHERE sha256 = ?
"""
_PASSED_OVER = "FROM seen WHERE NOT EXISTS (SELECT 1 FROM file WHERE file.sha256 = seen.sha256)"
_SALES_AT = """
    SELECT access_key FROM seen JOIN file USING (sha256) JOIN document ON file_id = file.id
    WHERE seen.path = ? AND kind = 'sale' AND access_key IS NOT NULL
"""
_INSERT_SEEN = "INSERT OR REPLACE INTO seen (path, size, mtime_ns, ctime_ns, sha256) VALUES (?, ?, ?, ?, ?)"
# What was proven once stays proven, whatever a confused server says later.
_RECORD = """
    UPDATE file
    SET state = :state, code = :code, message = :message, held_until = NULL,
        asked_turn = CASE :state WHEN 'captured' THEN 0 ELSE asked_turn END,
        proven_at = CASE :state WHEN 'posted' THEN :at END
    WHERE sha256 = :sha256 AND state <> 'posted' AND (:state <> 'captured' OR content IS NOT NULL)
        AND (state <> :state OR code IS NOT :code OR message IS NOT :message)
"""
_ASKED = "UPDATE file SET asked_turn = ?, last_asked_at = ? WHERE sha256 = ? AND state NOT IN ('posted', 'captured')"
_DOUBT = "UPDATE file SET state = 'captured', proven_at = NULL WHERE sha256 = ? AND content IS NOT NULL"
# A clock that was set back must not hold a file for longer than it was meant.
_HELD = """
    SELECT id, name, sha256, size, content FROM file
    WHERE state = 'held' AND content IS NOT NULL AND (held_until <= ? OR held_until > ?) ORDER BY held_until LIMIT 1
"""


class Pick(msgspec.Struct, frozen=True):
    """Files to be sent, and how many more could not be, since their content is damaged here."""

    files: list[StoredFile]
    damaged: int = 0


class Outbox:
    """Opens, or creates, the outbox at ``path``. Every method may raise ``OutboxError``."""

    def __init__(self, path: Path, *, look_only: bool = False, disk: Disk = DISK) -> None:
        self.path, self.disk = path, disk  # what goes on beside it is written to the same disk
        self._connection = storage.connect_to_look(path) if look_only else storage.connect(path, disk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with storage.told_apart(self.path, self.disk):
            self._connection.close()

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of one SELECT, for reports."""
        with storage.told_apart(self.path, self.disk):
            yield from self._connection.execute(query, parameters)

    # ---- capturing ----

    def capture(self, files: Sequence[CapturedFile], at: float) -> int:
        """Keeps the files, on disk when it returns, in one commit; returns how many are new by content."""
        with self._writing() as connection:
            before = connection.total_changes
            self._insert(connection, files, at)
            new = connection.total_changes - before
            for file in files:
                connection.executemany(
                    _INSERT_DOCUMENT,
                    [(place, *msgspec.structs.astuple(line), file.sha256) for place, line in enumerate(file.documents)],
                )
            connection.executemany(_INSERT_SEEN, [_seen_row(file) for file in files if file.path])
        return new

    def _insert(self, connection: sqlite3.Connection, files: Iterable[CapturedFile], at: float) -> None:
        for file in files:
            content = frames.pack(file.content)
            facts = (file.sha256, readable(file.path), file.name, file.mark.size, file.mark.mtime_ns, content, at)
            connection.execute(_INSERT_FILE, facts)

    def marks(self) -> dict[str, FileMark]:
        """How each path looked when it was last read: whatever still looks so need not be read again."""
        found = self.rows("SELECT path, size, mtime_ns, ctime_ns FROM seen")
        return {_decode_path(path): FileMark(*mark) for path, *mark in found}

    def forget(self, paths: Iterable[str]) -> None:
        """Forgets how these paths looked; the contents captured from them stay."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM seen WHERE path = ?", [(_encode_path(path),) for path in paths])

    def pass_over(self, files: Sequence[CapturedFile]) -> None:
        """Remembers how files look that don't count (``cutover``), so that they aren't read again; keeps no content."""
        with self._writing() as connection:
            connection.executemany(_INSERT_SEEN, [_seen_row(file) for file in files if file.path])

    def passed_over(self) -> int:
        """How many files of the folder don't count."""
        ((count,),) = self.rows(f"SELECT COUNT(*) {_PASSED_OVER}")
        return int(count)

    def sales_at(self, path: str) -> set[str]:
        """The keys of the sales that were last read from this path."""
        return {key for (key,) in self.rows(_SALES_AT, (_encode_path(path),))}

    def forget_passed_over(self) -> None:
        with self._writing() as connection:
            connection.execute(f"DELETE {_PASSED_OVER}")

    def has_seen_anything(self) -> bool:
        ((found,),) = self.rows("SELECT EXISTS (SELECT 1 FROM seen) OR EXISTS (SELECT 1 FROM file)")
        return bool(found)

    def refuse(self, refused: dict[str, CaptureRefusal], at: float) -> None:
        """Remembers what can't be captured, by path, in place of what was remembered before."""
        with self._writing() as connection:
            known = dict(connection.execute("SELECT path, since FROM refused").fetchall())
            connection.execute("DELETE FROM refused")
            for path, refusal in refused.items():
                key, facts = _encode_path(path), msgspec.json.encode(refusal.facts).decode()
                row = (key, refusal.name, refusal.size, refusal.code, facts, known.get(key, at))
                connection.execute("INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?)", row)

    def refusals(self) -> list[CaptureRefusal]:
        found = self.rows("SELECT name, size, code, facts FROM refused ORDER BY since, path")
        return [CaptureRefusal(name, size, code, msgspec.json.decode(facts)) for name, size, code, facts in found]

    # ---- sending ----

    def next_pouch(self, documents: int, size: int) -> Pick:
        """The oldest captured files, at most ``documents``, and at most ``size`` bytes unless the first alone is."""
        query = "SELECT id, name, sha256, size, content FROM file WHERE state = 'captured' ORDER BY asked_turn, id"
        chosen: list[tuple[Any, ...]] = []
        for row in self.rows(f"{query} LIMIT ?", (documents,)):
            size -= row[3]
            if chosen and size < 0:
                break
            chosen.append(row)
        return self._open(chosen)

    def next_held(self, now: float) -> Pick:
        """One file that was held long enough to be tried again."""
        return self._open(list(self.rows(_HELD, (now, now + LONGEST_HOLD_SECONDS))))

    def hold(self, file_id: int, code: str, message: str, until: float) -> None:
        """Sets one file aside so that the others go on; it is tried alone after ``until``."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE file SET state = 'held', code = ?, message = ?, held_until = ?"
                " WHERE id = ? AND state IN ('captured', 'held')",
                (code, message[:_LONGEST_MESSAGE], until, file_id),
            )

    def _open(self, rows: list[tuple[Any, ...]]) -> Pick:
        files, damaged = [], []
        for file_id, name, sha256, size, packed in rows:
            content = self._unpack(packed, size)
            if content is None or hashlib.sha256(content).digest() != sha256:
                damaged.append((file_id, sha256))
            else:
                files.append(StoredFile(file_id, name, sha256, content))
        if damaged:
            self._lose(damaged)
        return Pick(files, len(damaged))

    def _unpack(self, packed: bytes, size: int) -> bytes | None:
        try:
            # A damaged frame may claim any size, and would be given the memory for it.
            return frames.unpack(packed, size) if frames.claimed_size(packed) == size else None
        except frames.FrameError:
            return None

    def _lose(self, damaged: list[tuple[int, bytes]]) -> None:
        """A content that changed on this disk is never sent; the next look at the folder brings it back."""
        with self._writing() as connection:
            for file_id, sha256 in damaged:
                connection.execute(
                    "UPDATE file SET state = 'held', code = 'content_damaged', message = NULL, content = NULL,"
                    " held_until = NULL WHERE id = ?",
                    (file_id,),
                )
                connection.execute("DELETE FROM seen WHERE sha256 = ?", (sha256,))

    # ---- answers ----

    def to_ask(self, limit: int) -> list[bytes]:
        """Hashes of files that the server has and has not proven, those asked about longest ago first.

        A tenth of the question goes to each kind that waits for a person, so that cures are noticed too; more of it
        where the others leave room.
        """
        accepted = self._asked_longest_ago("accepted", limit)
        share = max(limit // 10, (limit - len(accepted)) // 2)
        aside = self._asked_longest_ago("rejected", share) + self._asked_longest_ago("discarded", share)
        return accepted[: limit - len(aside)] + aside

    def holding(self, hashes: Sequence[bytes]) -> list[bytes] | None:
        """Those of the files set aside on the server whose content is here and sound; None when none of them is aside.

        What turns out to be damaged is brought back by the next look at the folder.
        """
        aside = []
        for start in range(0, len(hashes), 500):
            chunk = hashes[start : start + 500]
            marks = ", ".join("?" * len(chunk))
            query = f"SELECT id, name, sha256, size, content, state FROM file WHERE sha256 IN ({marks})"  # noqa: S608
            aside += [row[:5] for row in self.rows(query, chunk) if row[5] in ("rejected", "discarded")]
        if not aside:
            return None
        return [file.sha256 for file in self._open([row for row in aside if row[4] is not None]).files]

    def _asked_longest_ago(self, state: str, limit: int) -> list[bytes]:
        found = self.rows("SELECT sha256 FROM file WHERE state = ? ORDER BY asked_turn, id LIMIT ?", (state, limit))
        return [sha256 for (sha256,) in found]

    def record(self, answers: Sequence[FileAnswer], at: float, asked: Sequence[bytes] = ()) -> int:
        """Applies what the server said, and returns how many files it changed. ``asked`` takes its turn at the end."""
        changes = [
            {
                "state": "captured" if answer.state == "unknown" else answer.state,
                "code": answer.code,
                "message": answer.message and answer.message[:_LONGEST_MESSAGE],
                "at": at,
                "sha256": answer.sha256,
            }
            for answer in answers
        ]
        with self._writing() as connection:
            changed = connection.executemany(_RECORD, changes).rowcount
            # A turn, not a time: the clock may be set back.
            turn = self._last_turn() + 1
            done = {answer.sha256 for answer in answers} | set(asked)
            connection.executemany(_ASKED, [(turn, at, sha256) for sha256 in done])
        return max(changed, 0)

    def _last_turn(self) -> int:
        last = 0
        for state in ("accepted", "rejected", "discarded"):
            ((turn,),) = self.rows("SELECT MAX(asked_turn) FROM file WHERE state = ?", (state,))
            last = max(last, turn or 0)
        return last

    def resend_all(self) -> int:
        """Captured again: everything not proven whose content is here. Returns how many."""
        with self._writing() as connection:
            return connection.execute(
                "UPDATE file SET state = 'captured', code = NULL, message = NULL, held_until = NULL, asked_turn = 0"
                " WHERE state IN ('held', 'accepted', 'rejected', 'discarded') AND content IS NOT NULL"
            ).rowcount

    def doubt(self, hashes: Collection[bytes]) -> int:
        """Captured again, though proven: the server doesn't know them any more."""
        with self._writing() as connection:
            return connection.executemany(_DOUBT, [(sha256,) for sha256 in hashes]).rowcount

    # ---- keeping ----

    def drop_contents(self, proven_before: float, at: float, limit: int = 1000) -> int:
        """Drops contents proven before that time; their rows stay. Returns how many, at most ``limit``."""
        with self._writing() as connection:
            return connection.execute(
                "UPDATE file SET content = NULL, content_dropped_at = ? WHERE id IN (SELECT id FROM file"
                " WHERE content IS NOT NULL AND proven_at < ? AND state = 'posted' LIMIT ?)",
                (at, proven_before, limit),
            ).rowcount

    def proven_paths(self, after: str, limit: int) -> list[tuple[str, FileMark, bytes]]:
        """Paths, in their order, whose content was captured and is proven posted; those after ``after``."""
        found = self.rows(
            "SELECT seen.path, seen.size, seen.mtime_ns, ctime_ns, sha256 FROM seen JOIN file USING (sha256)"
            " WHERE seen.path > ? AND state = 'posted' ORDER BY seen.path LIMIT ?",
            (_encode_path(after), limit),
        )
        return [(_decode_path(path), FileMark(*mark), sha256) for path, *mark, sha256 in found]

    # ---- figures ----

    def counts(self) -> OutboxCounts:
        # What is settled with a reason is kept on the server and never booked: no sale, or nothing new.
        state = "CASE WHEN state = 'posted' AND code IS NOT NULL THEN 'kept' ELSE state END AS settled"
        return OutboxCounts(**dict(self.rows(f"SELECT {state}, COUNT(*) FROM file GROUP BY settled")))  # noqa: S608

    def unproven(self) -> OutboxCounts:
        """The counts without ``posted``: cheap however long the history is."""
        query = "SELECT state, COUNT(*) FROM file WHERE state IN (?, ?, ?, ?, ?) GROUP BY state"
        return OutboxCounts(**dict(self.rows(query, ("captured", "held", "accepted", "rejected", "discarded"))))

    def note(self, name: str, value: Any) -> None:
        """Remembers one fact, anything that JSON can hold, under a name."""
        with self._writing() as connection:
            text = msgspec.json.encode(value).decode()
            connection.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, text))

    def noted(self, name: str) -> str | None:
        """The fact as JSON; None when there is none."""
        return next((value for (value,) in self.rows("SELECT value FROM fact WHERE name = ?", (name,))), None)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with storage.told_apart(self.path, self.disk):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.rollback()
                raise


def _seen_row(file: CapturedFile) -> tuple[bytes, int, int, int, bytes]:
    return (_encode_path(file.path), file.mark.size, file.mark.mtime_ns, file.mark.ctime_ns, file.sha256)


def _encode_path(path: str) -> bytes:
    # Paths may hold bytes that are no UTF-8, or lone surrogates on Windows; "surrogatepass" alone knows both.
    return path.encode("utf-8", "surrogatepass")


def _decode_path(path: bytes) -> str:
    return path.decode("utf-8", "surrogatepass")
