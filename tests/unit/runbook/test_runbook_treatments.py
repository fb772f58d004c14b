"""Where what a cause's remedy names is done."""

from malote import rejection
from malote.runbook.observations import Cause
from malote.runbook.treatments import BY_CODE, Press, place_of

# What their remedies name is done at the till's machine, the server's or the ERP's: on no page of the console.
ELSEWHERE = {
    *("poster_absent", "booking_behind", "disk_full", "disk_low", "till_disk_full", "files_uncaptured"),
    *("folder_missing", "folder_unusable", "folder_shared", "file_stays", "name_reused", "agent_version_differs"),
}


def test_what_a_remedy_names_can_be_reached() -> None:
    """What may be pressed for a document on its page; else the page of the cause's own, or it is done elsewhere."""
    for code, entry in rejection.catalogue().items():
        if entry.actions:
            waiting = Cause("waiting", code, 1, ["caixa1"], example=7)
            assert place_of(waiting) == Press("documents/7", (), "cure"), code
    looked = {code for code, how in BY_CODE.items() if how.step == "look"}
    nowhere = {code for code in looked if place_of(Cause("", code, 1, ["caixa1"])) is None}
    assert nowhere == ELSEWHERE | {code for code in looked if rejection.entry(code).actions} - {"folder_shared"}
