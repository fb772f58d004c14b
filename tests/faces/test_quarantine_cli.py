"""The commands about rejected documents, the trash, synchronising and the numbering, as a person runs them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from malote.accounts.audit import Actor, entries
from malote.app import Services, services_for
from malote.cli import sync
from malote.cli.main import assemble
from malote.config import Settings
from malote.quarantine.job_reports import AT_ONCE, Job
from malote.quarantine.jobs import Jobs
from malote.quarantine.quarantine_reports import SyncOrder, SyncProgress
from malote.register import till_documents
from malote.tills import custody
from malote.tills.till import Till, create_till, find_till
from tests.faces.intake_support import file
from tests.unit.fiscal.notes import build_note

Run = Callable[..., Result]
BAD = b"<venda>one</venda>"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "servidor"


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    with services_for(Settings(home=str(home), language="en")) as opened:
        create_till(opened.engine, "caixa1")
        yield opened


@pytest.fixture
def run(home: Path, services: Services) -> Run:
    def invoke(*arguments: object, language: str = "en", code: int = 0) -> Result:
        environment = {"MALOTE_HOME": str(home), "MALOTE_LANGUAGE": language, "COLUMNS": "220"}
        result = CliRunner().invoke(assemble(), [str(one) for one in arguments], env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


def till(services: Services) -> Till:
    return find_till(services.engine, "caixa1")


def take(services: Services, content: bytes) -> int:
    """The id of the content's document."""
    services.intake.take_files(till(services), [file(content)])
    services.quarantine.reconciler.scan()
    sha256 = file(content).sha256.hex()
    return next(one.id for one in till_documents.documents_of(services.engine) if one.file_sha256 == sha256)


def hold(services: Services, content: bytes) -> None:
    hashes = [file(content).sha256]
    custody.note(services.engine, till(services).id, hashes, hashes, now_of(services))


def now_of(services: Services) -> float:
    return services.quarantine.parts.clock()


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def test_the_list_names_the_numbers_that_the_other_commands_take(services: Services, run: Run) -> None:
    one = take(services, BAD)
    take(services, build_note(number=1, environment=2))
    found = answer(run("rejected", "list", "--code", "root_unknown", "--json"))
    assert [each["id"] for each in found] == [one]
    assert str(one) in run("rejected", "list").stdout


def test_one_document_is_shown_with_all_that_is_known(services: Services, run: Run) -> None:
    one = take(services, BAD)
    shown = answer(run("rejected", "show", one, "--json"))
    assert (shown["document"]["id"], shown["custody"]["grounds"], shown["history"]) == (one, None, [])
    said = run("rejected", "show", one).stdout
    assert "[root_unknown]" in said
    assert "[last_copy]" in said
    hold(services, BAD)
    assert "Também com o caixa" in run("rejected", "show", one, language="pt").stdout
    run("rejected", "show", 4711, code=3)


def test_a_last_copy_stays_and_the_way_out_is_said(services: Services, run: Run) -> None:
    one = take(services, BAD)
    said = run("rejected", "delete", one, code=1).stdout
    assert "0 deleted" in said
    assert "[last_copy]" in said
    report = answer(run("rejected", "delete", one, "--json", code=1))
    assert report["refused"][0]["ways_out"] == ["download", "ask_till", "delete_last_copy"]
    assert "[reason_needed]" in run("rejected", "delete", one, "--last-copy-reason", " ", code=3).output


def test_delete_and_restore_from_the_command_line(services: Services, run: Run) -> None:
    one = take(services, BAD)
    hold(services, BAD)
    assert "1 would be deleted" in run("rejected", "delete", "--all", "--dry-run").stdout
    assert run("trash", "list").stdout.strip() == "The trash is empty."
    assert "1 apagados" in run("rejected", "delete", "--till", "CAIXA1", language="pt").stdout
    (thrown,) = answer(run("trash", "list", "--till", "caixa1", "--json"))
    assert (thrown["document"]["id"], thrown["grounds"]) == (one, "till")
    assert thrown["deleted_by"].startswith("cli:")
    assert thrown["deleted_by"] in run("trash", "list").stdout
    assert "1 would be restored" in run("rejected", "restore", one, "--dry-run").stdout
    assert answer(run("rejected", "restore", one, "--json"))["restored"] == [one]
    assert answer(run("trash", "list", "--json")) == []
    actions = {entry.action: entry.actor for entry in entries(services.engine) if entry.action != "till_created"}
    assert actions.keys() == {"rejected_deleted", "rejected_restored"}
    assert all(actor.startswith("cli:") for actor in actions.values())


def test_a_last_copy_is_deleted_with_a_reason(services: Services, run: Run) -> None:
    one = take(services, BAD)
    reason = "a file of the integrator's test, " * 12
    run("rejected", "delete", one, "--last-copy-reason", reason)
    (entry,) = entries(services.engine, action="last_copy_deleted")
    assert entry.reason == reason.strip()
    assert answer(run("trash", "list", "--json"))[0]["reason"] == reason.strip()
    assert run("trash", "list").stdout.count("integrator") == 2, "folded"


@pytest.mark.parametrize("command", ["delete", "restore", "replay"])
def test_nothing_named_is_not_everything(run: Run, command: str) -> None:
    assert "--all" in run("rejected", command, code=2).output
    run("rejected", command, "--till", "caixa9", code=3)


def test_replay_says_what_is_unfit_still(services: Services, run: Run) -> None:
    one = take(services, BAD)
    assert "0 would go back in the queue" in run("rejected", "replay", one, "--dry-run", code=1).stdout
    report = answer(run("rejected", "replay", "--code", "root_unknown", "--json", code=1))
    assert (report["replayed"], report["refused"][0]["code"]) == ([], "root_unknown")


def test_download_writes_the_file_as_it_came(services: Services, run: Run, tmp_path: Path) -> None:
    one, two = take(services, BAD), take(services, build_note(number=1))
    written = answer(run("rejected", "download", one, two, one, "--to", tmp_path, "--json"))
    assert [Path(path).read_bytes() for path in written] == [BAD, build_note(number=1)]
    assert {Path(path).parent for path in written} == {tmp_path}
    assert [entry.object for entry in entries(services.engine, action="document_downloaded")] == [
        f"document:{two}",
        f"document:{one}",
    ]
    Path(written[0]).write_bytes(b"somebody else's")
    run("rejected", "download", one, "--to", tmp_path, code=2)
    assert Path(written[0]).read_bytes() == b"somebody else's"
    run("rejected", "download", one, "--to", tmp_path / "nowhere", code=3)


# ---- sync ----


def test_sync_orders_and_says_so(services: Services, run: Run) -> None:
    assert "would be ordered" in run("sync", "caixa1", "--dry-run").stdout
    assert services.synchronisation.latest("caixa1") is None
    assert "ordered" in run("sync", "--all").stdout
    (order,) = answer(run("sync", "CAIXA1", "--json"))
    assert order["till"] == "caixa1"
    assert [entry.actor[:4] for entry in entries(services.engine, action="till_synchronised")] == ["cli:", "cli:"]


def test_sync_needs_tills_or_all(run: Run) -> None:
    run("sync", code=2)
    run("sync", "caixa1", "--all", code=2)
    run("sync", "caixa9", code=3)


def test_sync_waits_no_longer_than_it_may(run: Run) -> None:
    """A till without an agent, and no server running: nothing ends by itself within no time."""
    (progress,) = answer(run("sync", "caixa1", "--wait", "--timeout", 0, "--json", code=1))
    assert (progress["stage"], progress["agent"]) == ("running", False)
    assert "ainda não terminou" in run("sync", "caixa1", "--wait", "--timeout", 0, language="pt", code=1).stdout


@pytest.mark.parametrize(("agent", "told"), [(False, "0 sent; at the server only: no agent"), (True, "0 sent")])
def test_sync_says_that_nobody_at_the_till_was_asked(agent: bool, told: str) -> None:
    order = SyncOrder(1, "caixa1", "maria", 0.0, 0, 0)
    done = SyncProgress(
        order, "done", agent, None, None, 1.0, total=0, done=0, sent=0, rejected={}, waiting={}, pending=0, at_till=0
    )
    said = sync._said(done, "en")
    assert said.startswith(told)
    assert (";" in said) is not agent


def test_sync_does_not_wait_for_a_till_that_is_away(services: Services, run: Run) -> None:
    from malote.tills.contact import record_contact
    from malote.wire import Contact
    from tests.unit.fiscal.notes import MORNING

    contact = Contact("1.0", MORNING, 0, 0)
    record_contact(services.engine, till(services).id, contact, received_at=now_of(services) - 3600)
    assert "next contact" in run("sync", "caixa1", "--wait", code=1).stdout


# ---- numbering ----


def test_numbering_tells_what_is_missing(services: Services, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("numbering").stdout.strip() == "No series yet."
    for number in (1, 2, 5):
        take(services, build_note(number=number))
    (one,) = answer(run("numbering", "--json", code=1))
    assert (one["first"], one["last"], one["seen"], one["till"]) == (1, 5, 3, "caixa1")
    assert one["missing"] == [{"first": 3, "last": 4}]
    assert "3–4" in run("numbering", "caixa1", code=1).stdout
    assert answer(run("numbering", "--until", "2026-11-19", "--json"))[0]["first"] is None
    assert answer(run("numbering", "--since", "2026-11-19", "--until", "2026-11-21", "--json", code=1)) == [one]
    # By the store's clock: sold at 10:30 in São Paulo, it is the next day already where this store is.
    monkeypatch.setenv("MALOTE_BOOKS_ZONE", "Pacific/Kiritimati")
    assert answer(run("numbering", "--until", "2026-11-20", "--json"))[0]["first"] is None


def test_numbering_refuses_what_is_no_day(run: Run) -> None:
    assert "--since: yesterday: YYYY-MM-DD" in run("numbering", "--since", "yesterday", code=2).output
    run("numbering", "caixa9", code=3)


# ---- many at once ----


def test_many_are_a_job_with_its_list_of_what_stayed(services: Services, run: Run) -> None:
    count = AT_ONCE + 10
    other = create_till(services.engine, "caixa8")[0]
    notes = [build_note(number=number, series=8, total=1) for number in range(1, count + 1)]
    for start in range(0, count, 100):
        services.intake.take_files(other, [file(note) for note in notes[start : start + 100]])
    said = json.loads(run("rejected", "replay", "--till", "caixa8", "--json", code=1).stdout)
    assert (said["job"]["state"], said["job"]["refused"], len(said["refused"])) == ("done", count, count)
    tried = run("rejected", "delete", "--till", "caixa8", "--dry-run", code=1).stdout
    assert f"{count} × " in tried
    assert len(tried.splitlines()) < 30, "the reason once, and the first of them"
    deleted = run("rejected", "delete", "--till", "caixa8", "--last-copy-reason", "caixa de teste", "--json")
    job = json.loads(deleted.stdout)["job"]
    assert (job["done"], job["done_cents"], job["forced"]) == (count, count, True)
    run("rejected", "restore", "--till", "caixa8")
    listed = json.loads(run("jobs", "list", "--json").stdout)
    assert [one["kind"] for one in listed] == ["restore", "delete", "replay"]
    shown = run("jobs", "show", listed[2]["id"], code=1)
    assert f"{count} left as they were" in shown.stdout
    assert "[items_sum]" in shown.stdout
    assert json.loads(run("jobs", "stop", job["id"], "--json").stdout)["job"]["state"] == "done"
    assert "[job_unknown]" in run("jobs", "show", 4711, code=3).output


def test_an_order_that_somebody_stops_does_not_end_as_if_all_were_done(
    services: Services, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = AT_ONCE + 1
    services.intake.take_files(till(services), [file(b"<venda>%d</venda>" % number) for number in range(count)])
    services.quarantine.reconciler.scan()
    work = Jobs.work

    def stopped(jobs: Jobs, job_id: int, told: Any = None) -> Job:
        jobs.stop(job_id, Actor("ana"))
        return work(jobs, job_id, told)

    monkeypatch.setattr(Jobs, "work", stopped)
    ended = run("rejected", "delete", "--all", "--last-copy-reason", "lixo de teste", "--json", code=1)
    job = json.loads(ended.stdout)["job"]
    assert (job["state"], job["refused"]) == ("stopped", 0)
