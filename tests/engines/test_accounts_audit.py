"""The audit trail: appended with the action, chained, and found out when somebody tampers with it."""

import hashlib
import json

import pytest
from sqlalchemy import Engine, exc, func, insert, select, text

from malote.accounts import audit
from malote.accounts.audit import Actor, Broken, Head
from malote.database.account_tables import audit_entry, audit_head
from malote.database.engine import open_database, reading, writing
from malote.database.tables import till
from tests.engines.accounts_support import BOSS, NOON, at_once, tamper

pytest_plugins = ("tests.engines.accounts_store",)

TILL = {"name": "a", "name_key": "a", "label": "", "token_hash": b"", "created_at": 0.0}

ONE_MORE = """
INSERT INTO audit_entry SELECT 6, at, actor, address, action, object, before, after, reason, hash
FROM audit_entry WHERE id = 5
"""


def record(engine: Engine, action: str = "tried", on: str = "thing:1", actor: Actor = BOSS, **more: object) -> int:
    with writing(engine) as connection:
        return audit.record(connection, actor, action, on, now=NOON, **more)  # type: ignore[arg-type]


def fill(engine: Engine, entries: int) -> None:
    for number in range(1, entries + 1):
        record(engine, on=f"thing:{number}", before={"n": number}, after={"n": number + 1}, reason="porque sim")


def test_an_entry_says_who_did_what_when_where_and_why(accounts: Engine) -> None:
    before, after = {"role": "consulta", "tills": ["c1", "c2"]}, {"role": None, "n": 1, "exact": True}
    assert record(accounts, "user_role_changed", "user:maria", before=before, after=after, reason="promoção") == 1
    (entry,) = audit.entries(accounts)
    assert (entry.id, entry.at, entry.actor, entry.address) == (1, NOON, "chefe", "10.1.1.7")
    assert (entry.action, entry.object, entry.reason) == ("user_role_changed", "user:maria", "promoção")
    assert (entry.before, entry.after) == (before, after)


def test_an_action_that_fails_leaves_no_entry(accounts: Engine) -> None:
    def fail() -> None:
        with writing(accounts) as connection:
            audit.record(connection, BOSS, "till_created", "till:a")
            connection.execute(insert(till).values(TILL | {"name": None}))

    with pytest.raises(exc.IntegrityError):
        fail()
    assert audit.entries(accounts) == []
    assert record(accounts) == 1
    assert audit.verify(accounts) is None


def test_anybody_can_recompute_a_hash_from_the_documented_form(accounts: Engine) -> None:
    fill(accounts, 2)
    with reading(accounts) as connection:
        rows = connection.execute(select(audit_entry).order_by(audit_entry.c.id)).all()
    previous = bytes(32)
    for row in rows:
        fields = [*row[:-1]]
        previous = hashlib.sha256(previous + json.dumps(fields, separators=(",", ":")).encode("ascii")).digest()
        assert row.hash == previous
    assert audit.head(accounts) == Head(2, previous.hex())


def test_an_empty_trail_is_whole(accounts: Engine) -> None:
    assert audit.verify(accounts) is None
    assert audit.head(accounts) == Head(0, bytes(32).hex())


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET reason = 'x'", "DELETE FROM audit_entry", "DELETE FROM audit_entry WHERE id = 2"],
)
def test_the_database_itself_refuses_to_alter_the_trail(accounts: Engine, statement: str) -> None:
    fill(accounts, 3)
    with pytest.raises(exc.DBAPIError, match="append-only"), writing(accounts) as connection:
        connection.execute(text(statement))
    assert audit.verify(accounts) is None


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit_entry SET reason = 'foi outro' WHERE id = 3", Broken(3, "altered")),
        ("UPDATE audit_entry SET actor = 'maria' WHERE id = 1", Broken(1, "altered")),
        ("UPDATE audit_entry SET at = at + 1 WHERE id = 2", Broken(2, "altered")),
        ("""UPDATE audit_entry SET before = '{"n":9}' WHERE id = 4""", Broken(4, "altered")),
        ("UPDATE audit_entry SET action = object, object = action WHERE id = 2", Broken(2, "altered")),
        ("DELETE FROM audit_entry WHERE id = 1", Broken(1, "missing")),
        ("DELETE FROM audit_entry WHERE id = 3", Broken(3, "missing")),
        ("DELETE FROM audit_entry WHERE id > 3", Broken(4, "missing")),
        ("DELETE FROM audit_entry", Broken(1, "missing")),
        ("UPDATE audit_entry SET id = 77 WHERE id = 5", Broken(5, "missing")),
        (ONE_MORE, Broken(6, "unexpected")),
        ("UPDATE audit_head SET entry_id = 4", Broken(5, "unexpected")),
    ],
)
def test_tampering_is_found_at_its_first_entry(accounts: Engine, statement: str, broken: Broken) -> None:
    fill(accounts, 5)
    tamper(accounts, statement)
    assert audit.verify(accounts) == broken


def test_a_trail_rewritten_as_a_whole_is_found_by_a_head_noted_before(accounts: Engine) -> None:
    fill(accounts, 3)
    noted = audit.head(accounts)
    assert audit.verify(accounts, noted) is None
    tamper(accounts, "DELETE FROM audit_entry")
    with writing(accounts) as connection:
        connection.execute(audit_head.update().values(entry_id=0, hash=bytes(32)))
    assert audit.verify(accounts) is None
    assert audit.verify(accounts, noted) == Broken(1, "missing")
    for _ in range(4):
        record(accounts, "innocent")
    assert audit.verify(accounts) is None
    assert audit.verify(accounts, noted) == Broken(3, "altered")


def test_a_head_noted_before_still_holds_when_the_trail_grew(accounts: Engine) -> None:
    fill(accounts, 2)
    noted = audit.head(accounts)
    fill(accounts, 3)
    assert audit.verify(accounts, noted) is None


def test_more_than_one_page_is_verified(accounts: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_PAGE", 3)
    fill(accounts, 7)
    assert audit.verify(accounts) is None
    tamper(accounts, "UPDATE audit_entry SET reason = '' WHERE id = 6")
    assert audit.verify(accounts) == Broken(6, "altered")


def test_the_chain_never_forks_however_many_write(accounts: Engine, accounts_url: str) -> None:
    other = open_database(accounts_url)  # as another server would: no lock shared with the first

    def write(engine: Engine) -> None:
        for _ in range(10):
            record(engine)

    results = at_once(*(lambda engine=engine: write(engine) for engine in (accounts, other, accounts, other)))
    assert results == [None] * 4
    with reading(accounts) as connection:
        assert connection.execute(select(func.count()).select_from(audit_entry)).scalar_one() == 40
    assert audit.head(accounts).entry_id == 40
    assert audit.verify(accounts) is None
    other.dispose()


def test_the_trail_is_read_in_pages_newest_first(accounts: Engine) -> None:
    fill(accounts, 5)
    first = audit.entries(accounts, limit=2)
    second = audit.entries(accounts, limit=2, before_id=first[-1].id)
    third = audit.entries(accounts, limit=2, before_id=second[-1].id)
    assert [[entry.id for entry in page] for page in (first, second, third)] == [[5, 4], [3, 2], [1]]


def test_the_trail_is_filtered(accounts: Engine) -> None:
    record(accounts, "signed_in", "user:maria", Actor("maria"))
    record(accounts, "deleted", "document:1", Actor("maria"))
    record(accounts, "deleted", "document:2", Actor("jose"))
    found = {
        "user": audit.entries(accounts, user="maria"),
        "action": audit.entries(accounts, action="deleted"),
        "both": audit.entries(accounts, user="maria", action="deleted"),
        "on": audit.entries(accounts, on="document:2"),
        "nobody": audit.entries(accounts, user="' OR 1=1 --"),
    }
    assert {name: [entry.id for entry in page] for name, page in found.items()} == {
        "user": [2, 1],
        "action": [3, 2],
        "both": [2],
        "on": [3],
        "nobody": [],
    }


@pytest.mark.parametrize(
    "reason", ["a\0b", "\ud83d", "<script>alert(1)</script>", "'; DROP TABLE audit_entry; --", "\r\n"]
)
def test_whatever_is_typed_is_kept_and_the_chain_holds(accounts: Engine, reason: str) -> None:
    record(accounts, reason=reason, on=f"thing:{reason}", after={"typed": reason})
    (entry,) = audit.entries(accounts)
    assert entry.reason == reason.replace("\0", "�").replace("\ud83d", "?")
    assert audit.verify(accounts) is None


@pytest.mark.parametrize("name", ["password", "token", "csrf", "cpf"])
def test_secrets_are_refused(accounts: Engine, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        record(accounts, after={name: "x"})
    assert audit.entries(accounts) == []


def test_facts_that_somebody_damaged_are_still_shown(accounts: Engine) -> None:
    fill(accounts, 1)
    tamper(accounts, "UPDATE audit_entry SET before = '{broken', after = '[1]'")
    (entry,) = audit.entries(accounts)
    assert (entry.before, entry.after) == ({"?": "{broken"}, {"?": "[1]"})
