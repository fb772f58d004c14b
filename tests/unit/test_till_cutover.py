"""A first start among old files books none of them unasked."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from malote import wire
from malote.fiscal.typed_input import TypedError, lasting_since
from malote.fiscal.typed_input import since as since_of
from malote.till import cutover, issue_times, storage
from malote.till.books import OwnBooks
from malote.till.capture import Capture
from malote.till.cutover import Question, Start
from malote.till.folder import folder_of
from malote.till.outbox import Outbox
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import Ears, put, till_settings

LATEST = "2026-11-27"
AUTUMN = datetime.fromisoformat("2026-04-02T08:00:00-03:00")


class Till:
    """A POS's folder and an outbox that may be opened again and again."""

    def __init__(self, tmp_path: Path) -> None:
        self.pos = tmp_path / "pos"
        self.pos.mkdir()
        self.path = tmp_path / "outbox.sqlite3"
        self.since = ""
        self.begin()

    def begin(self) -> None:
        self.outbox = Outbox(self.path)
        self.ears = Ears()
        self.settings = till_settings(self.pos, since=self.since)
        self.capture = Capture(self.outbox, self.settings, self.ears.voice)

    def again(self) -> None:
        self.outbox.close()
        self.begin()

    def sell(self, number: int, day: str) -> Path:
        content = build_note(number=number, issued_at=datetime.fromisoformat(f"{day}T10:00:00-03:00"))
        return put(self.pos, f"{number}.xml", content)

    def take(self) -> int:
        self.capture.rescan()
        return sum(self.capture.capture_due())

    def say(self, since: str) -> None:
        place = str(folder_of(self.settings).path)
        cutover.begin(self.outbox, Start(place, since_of(since), "person", 1.0))

    def codes(self) -> list[str]:
        return [refusal.code for refusal in self.outbox.refusals()]


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till(tmp_path)
    yield made
    made.outbox.close()


def test_an_empty_folder_begins_without_a_question_and_keeps_on(till: Till) -> None:
    assert till.take() == 0
    till.sell(1, "2025-01-01")
    till.sell(2, LATEST)
    till.again()
    assert till.take() == 2
    assert till.codes() == []


def test_the_files_of_one_day_begin_without_a_question(till: Till) -> None:
    for number in range(1, 4):
        till.sell(number, "2026-03-01")
    assert till.take() == 3


def test_files_of_more_than_a_day_wait_for_an_answer(till: Till) -> None:
    till.sell(1, "2026-08-01")
    till.sell(2, LATEST)
    assert till.take() == 0
    assert till.codes() == ["start_unsaid"]
    till.capture.look_at([str(till.sell(3, LATEST))])
    assert sum(till.capture.capture_due()) == 0
    till.again()
    assert till.take() == 0
    till.say(LATEST)
    assert till.take() == 2
    assert till.codes() == []
    assert till.ears.codes("over") == ["start_unsaid"]
    assert till.outbox.passed_over() == 1


def test_very_many_files_wait_even_when_they_are_of_one_day(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutover, "MOST_FILES", 3)
    for number in range(1, 5):
        till.sell(number, LATEST)
    found = cutover.settle(till.outbox, till.capture.folder, "", 5_000_000, 1.0)
    assert isinstance(found, Question)
    assert (found.files, found.oldest[:10]) == (4, LATEST)


def test_copied_files_are_dated_by_their_documents(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutover, "MOST_FILES", 3)
    days = dict.fromkeys(range(1, 31), LATEST) | {15: "2026-08-09", 16: "2026-12-24"}
    for number, day in days.items():
        os.utime(till.sell(number, day), (1_000_000 + number, 1_000_000 + number))
    put(till.pos, "utf16.xml", build_note(number=40, issued_at=AUTUMN, declaration="", encoding="UTF-16"))
    found = cutover.ask(till.capture.folder, 5_000_000)
    assert found is not None
    assert (found.files, found.oldest, found.newest[:10]) == (31, AUTUMN.isoformat(), "2026-12-24")
    # Asked again while nothing came, it reads nothing again.
    assert cutover.ask(till.capture.folder, 0, found) is found


def test_a_day_without_a_zone_begins_by_the_stores_clock(till: Till) -> None:
    clock = issue_times.store_clock(till.outbox, till.capture.folder, 5_000_000)
    assert clock is None  # nobody tells: this machine's
    put(till.pos, "1.xml", build_note(issued_at=datetime.fromisoformat(f"{LATEST}T10:00:00-04:00")))
    clock = issue_times.store_clock(till.outbox, till.capture.folder, 5_000_000)
    assert since_of("2026-11-27", clock) == "2026-11-27T00:00:00-04:00"
    named = issue_times.store_clock(till.outbox, till.capture.folder, 5_000_000, "America/Sao_Paulo")
    assert since_of("2026-11-27", named) == "2026-11-27T00:00:00-03:00"
    OwnBooks(till.outbox).heed(
        wire.ContactReply("1", AUTUMN, "caixa1", 0.0, books=0, business_day=wire.BusinessDay("America/Rio_Branco"))
    )
    told = issue_times.store_clock(till.outbox, till.capture.folder, 5_000_000)
    assert since_of("2026-11-27", told) == "2026-11-27T00:00:00-05:00"
    assert since_of("today", told)[11:] == "00:00:00-05:00"


def test_the_setting_answers_and_older_ones_are_not_read_again(till: Till) -> None:
    till.since = "2026-11-01"
    till.again()
    till.sell(1, "2026-10-31")
    till.sell(2, LATEST)
    assert till.take() == 1
    assert till.outbox.passed_over() == 1
    till.again()
    assert till.take() == 0
    assert till.outbox.counts().captured == 1


def test_another_answer_looks_at_the_passed_files_again(till: Till) -> None:
    till.since = LATEST
    till.again()
    till.sell(1, "2026-10-31")
    assert till.take() == 0
    till.since = "2026-10-01"
    till.again()
    assert till.take() == 1
    assert till.outbox.passed_over() == 0


def test_everything_counts_when_a_person_says_so(till: Till) -> None:
    till.sell(1, "2025-01-01")
    till.sell(2, LATEST)
    assert till.take() == 0
    till.say("all")
    assert till.take() == 2


def test_a_damaged_outbox_does_not_ask_again_nor_forget_the_beginning(till: Till) -> None:
    till.sell(1, "2026-08-01")
    till.sell(2, LATEST)
    till.take()
    till.say(LATEST)
    assert till.take() == 1
    till.outbox.close()
    storage.set_aside(till.path, 1.0)
    till.begin()
    assert till.take() == 1
    assert till.outbox.passed_over() == 1


def test_an_outbox_from_before_the_question_has_begun(till: Till) -> None:
    till.sell(1, LATEST)
    till.take()
    cutover.path_of(till.path).unlink()
    till.sell(2, "2025-01-01")
    till.again()
    assert till.take() == 1


def test_another_folder_is_another_first_start(till: Till) -> None:
    till.take()
    till.pos = till.pos.with_name("elsewhere")
    till.pos.mkdir()
    till.sell(1, "2026-08-01")
    till.sell(2, LATEST)
    till.again()
    assert till.take() == 0
    assert till.codes() == ["start_unsaid"]


def test_a_folder_that_is_away_says_nothing_about_the_beginning(till: Till) -> None:
    till.pos.rmdir()
    till.take()
    assert till.codes() == ["folder_missing"]
    till.pos.mkdir()
    till.sell(1, "2026-08-01")
    till.sell(2, LATEST)
    assert till.take() == 0
    assert till.codes() == ["start_unsaid"]


def test_a_file_in_which_no_time_can_be_read_counts_by_the_disk(till: Till) -> None:
    till.since = LATEST
    till.again()
    old, new = put(till.pos, "old.xml", b"<half"), put(till.pos, "new.xml", b"<other")
    long_ago = (datetime.fromisoformat(LATEST).astimezone() - timedelta(days=1)).timestamp()
    os.utime(old, (long_ago, long_ago))
    os.utime(new, (long_ago + 200_000, long_ago + 200_000))
    assert till.take() == 1
    assert till.outbox.passed_over() == 1


@pytest.mark.parametrize("text", ["", "tomorrow", "31/02/2026", "2026-13-01", "0001-01-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(TypedError):
        since_of(text)


def test_a_day_is_midnight_of_this_machine(till: Till) -> None:
    assert datetime.fromisoformat(since_of(LATEST)) == datetime.fromisoformat(LATEST).astimezone()
    assert since_of("2026-11-27T06:00:00-03:00") == "2026-11-27T06:00:00-03:00"
    assert datetime.fromisoformat(since_of("hoje")).hour == 0


def test_a_setting_must_not_say_another_day_every_day() -> None:
    assert lasting_since("") == lasting_since("all") == ""
    with pytest.raises(TypedError):
        lasting_since("today")
