"""Folder, trash and rows under any course of clicks, edits by hand, restarts and time that Hypothesis can think of.

Whenever all stands still: the folder holds the rejected documents and nothing else, the trash's folder the discarded
ones; nothing that ever was in either was lost; and nothing was discarded that may have been the last copy.
"""

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from malote.quarantine.quarantine_reports import Selection
from malote.register import contents
from tests import ready_stores
from tests.engines.postgres_support import discard_postgresql
from tests.engines.quarantine_support import MARIA, House, contents_of, sha256
from tests.unit.fiscal.notes import build_note

BAD = [f"<venda>{number}</venda>".encode() for number in range(5)]
GOOD = [build_note(number=number) for number in (1, 2)]
ALL = BAD + GOOD
ANY = st.integers(0, len(ALL) - 1)  # by its place, since a failing course shows what was drawn
WHICH = st.integers(0, 9)
DAY = 86_400.0


class QuarantineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.allowed: set[int] = set()  # documents that may be discarded: held elsewhere, or forced
        self.known: set[bytes] = set()  # contents that must never be lost
        self.discarded: set[int] = set()
        self.still = True

    def database_url(self) -> str:
        return ""

    def teardown(self) -> None:
        try:
            if hasattr(self, "house"):
                self.settle()
        finally:
            self.close()

    def close(self) -> None:
        if hasattr(self, "house"):
            self.house.close()
        self.home.cleanup()

    @initialize()
    def open(self) -> None:
        self.house = House(Path(self.home.name) / "home", self.database_url())
        self.house.scan()

    # ---- what tills and people do ----

    @rule(content=ANY)
    def send(self, content: int) -> None:
        self.house.take(ALL[content])
        self.known.add(ALL[content])
        self.still = False

    @rule(content=ANY)
    def hold(self, content: int) -> None:
        self.house.hold(ALL[content])
        self.allowed |= self.ids_of(content)

    @rule(content=ANY)
    def lose(self, content: int) -> None:
        self.house.lose(ALL[content])
        self.allowed -= self.ids_of(content)

    @rule()
    def delete_all(self) -> None:
        self.house.quarantine.delete(Selection(), MARIA)

    @rule(which=WHICH)
    def delete_a_last_copy(self, which: int) -> None:
        self.allowed.add(which)
        self.house.quarantine.delete(Selection((which,)), MARIA, last_copy_reason="as a test")
        self.look_for_discarded()
        self.allowed.discard(which)

    @rule(which=WHICH)
    def restore(self, which: int) -> None:
        self.house.quarantine.restore(Selection((which,)), MARIA)

    @rule()
    def replay_all(self) -> None:
        self.house.quarantine.replay(Selection(), MARIA)

    @rule()
    def restart(self) -> None:
        self.house.restart()

    @rule(days=st.sampled_from([0.1, 31.0]))
    def let_time_pass(self, days: float) -> None:
        self.house.clock.ahead += days * DAY
        self.allowed.clear()
        self.house.quarantine.purge()

    # ---- what hands do in the folder ----

    @rule(content=ANY, name=st.sampled_from(["a.xml", "b.XML"]))
    def put_in(self, content: int, name: str) -> None:
        self.house.folder.mkdir(parents=True, exist_ok=True)
        (self.house.folder / name).write_bytes(ALL[content])
        self.still = False

    @rule(which=WHICH, sidecar=st.booleans())
    def remove(self, which: int, *, sidecar: bool) -> None:
        for path in self.chosen(self.house.folder, which):
            path.unlink()
            if sidecar:
                path.with_suffix(".json").unlink(missing_ok=True)

    @rule(which=WHICH, content=ANY)
    def change(self, which: int, content: int) -> None:
        for path in self.chosen(self.house.folder, which):
            path.write_bytes(ALL[content])

    @rule(which=WHICH)
    def rename(self, which: int) -> None:
        for path in self.chosen(self.house.folder, which):
            path.rename(path.with_name("renamed.xml"))

    @rule(which=WHICH)
    def put_back(self, which: int) -> None:
        for path in self.chosen(self.house.trash, which):
            self.house.folder.mkdir(parents=True, exist_ok=True)
            path.rename(self.house.folder / path.name)

    @rule(which=WHICH)
    def empty_trash(self, which: int) -> None:
        for path in self.chosen(self.house.trash, which):
            path.unlink()

    @rule()
    def lose_folder(self) -> None:
        for path in list(self.house.folder.glob("*")):
            path.unlink()
        if self.house.folder.is_dir():
            self.house.folder.rmdir()
        self.still = False

    @rule()
    @precondition(lambda self: not self.still)
    def settle(self) -> None:
        self.known |= {path.read_bytes() for path in self.house.folder.glob("*.[xX][mM][lL]")} - {b""}
        self.house.scan()
        self.look_for_discarded()
        self.still = True
        rejected = [one for one in self.house.documents() if one.state == "rejected"]
        assert contents_of(self.house.folder) == sorted(
            contents.content(self.house.spool.engine, one.id) for one in rejected
        )
        assert [path for path in self.house.folder.glob("*.[xX][mM][lL]") if path.suffix != ".xml"] == []
        thrown = [entry.document.id for entry in self.house.quarantine.trash(size=100).entries]
        assert contents_of(self.house.trash) == sorted(contents.content(self.house.spool.engine, one) for one in thrown)
        assert {sha256(content).hex() for content in self.known} <= {one.file_sha256 for one in self.house.documents()}
        for one in self.house.documents():
            assert sha256(contents.content(self.house.spool.engine, one.id)).hex() == one.file_sha256
        assert max(Counter(one.file_sha256 for one in self.house.documents()).values(), default=1) == 1

    @invariant()
    def nothing_was_discarded_that_may_be_the_last_copy(self) -> None:
        if hasattr(self, "house"):
            self.look_for_discarded()

    def look_for_discarded(self) -> None:
        now = {one.id for one in self.house.documents() if one.state == "discarded"}
        assert now - self.discarded <= self.allowed
        self.discarded = now

    def ids_of(self, content: int) -> set[int]:
        return {one.id for one in self.house.documents() if one.file_sha256 == sha256(ALL[content]).hex()}

    def chosen(self, folder: Path, which: int) -> list[Path]:
        """One of the files, by its place among them."""
        self.still = False
        paths = sorted(folder.glob("*.xml")) if folder.is_dir() else []
        return paths[which % len(paths) :][:1] if paths else []


class PostgresqlQuarantineMachine(QuarantineMachine):
    def database_url(self) -> str:
        self.url = ready_stores.postgresql_url()
        return self.url

    def close(self) -> None:
        super().close()
        discard_postgresql(self.url)


TestQuarantineMachine = QuarantineMachine.TestCase
TestQuarantineMachine.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPostgresqlQuarantineMachine = PostgresqlQuarantineMachine.TestCase
TestPostgresqlQuarantineMachine.settings = settings(TestQuarantineMachine.settings, max_examples=4)
