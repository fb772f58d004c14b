"""What a look at the ERP saw of an entity's rows: a temporary file that nobody else sees and that ends with its
process."""

import sqlite3

# Of a row: as the statements below say them. Flagged: the ERP says that it is no more. Kept: it is no more, and stays
# for one that is refused.
SAME, NEW, CHANGED, GONE, REFUSED, FLAGGED, KEPT = 0, 1, 2, 3, 4, 5, 6

_TABLE = """
    CREATE TABLE seen (key BLOB PRIMARY KEY, kind INTEGER NOT NULL, content BLOB, hash BLOB, code TEXT, facts TEXT,
    erp_key BLOB, put_off_to TEXT)
    WITHOUT ROWID
"""
# A second row with a key refuses both; beside one that is no more, it is the only one.
ADD = """
    INSERT INTO seen (key, kind, content, hash, code, facts) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        kind = CASE kind WHEN 5 THEN excluded.kind ELSE 4 END,
        content = CASE kind WHEN 5 THEN excluded.content END,
        hash = CASE kind WHEN 5 THEN excluded.hash END,
        code = CASE kind WHEN 5 THEN excluded.code ELSE coalesce(code, 'load_key_twice') END,
        facts = CASE kind WHEN 5 THEN excluded.facts ELSE facts END
"""
HELD, NOT_HELD = "held", ""  # the codes of those that are flagged: whether anything is loaded of them
END_FLAGGED = "UPDATE seen SET kind = CASE code WHEN 'held' THEN 3 ELSE 0 END WHERE kind = 5"
ADD_MISSING = "INSERT INTO seen (key, kind, code) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"


def opened() -> sqlite3.Connection:
    """A file of its own, deleted by the system."""
    aside = sqlite3.connect("", check_same_thread=False)
    aside.execute(_TABLE)
    return aside
