"""Whatever a person can change, and whatever they can carry away, is in the audit trail, or stands here with the reason
why it is not. A new command, or a new route that is no GET, needs a row."""

import ast
from collections.abc import Iterator
from pathlib import Path

import typer

import malote
from malote.cli.main import assemble
from malote.cli.pages import leaves
from malote.console.trail_words import SENTENCES

SOURCE = Path(malote.__file__).parent
TESTS = Path(__file__).parents[1]

LOOKS = "changes nothing, and carries no document away"
OWN_FILE = "reads files that the person has, not the store"
TILL = "the till has no trail: what a person says there stands in the agent's log, and its effect at the server"
AGENT = "a program that works; what it does with documents stands in their history"
ERP = "another database than the store's, by its own login: the ERP's trail is the ERP's"
DEMO = "of a demo, which has nobody to answer to"

COMMANDS: dict[str, tuple[str, ...] | str] = {
    "alerts list": LOOKS,
    "alerts silence": ("alert_silenced",),
    "alerts test": ("alerts_tested",),
    "archive export": ("archive_exported",),
    "archive search": OWN_FILE,
    "archive verify": OWN_FILE,
    "attention": LOOKS,
    "audit list": LOOKS,
    "audit verify": LOOKS,
    "backup": "has to work where the store can't be written any more; whoever runs it has the folder in their hands",
    "books accept-closing": ("closing_accepted",),
    "books accept-damaged": ("damaged_accepted",),
    "books accept-day": ("day_accepted",),
    "books accept-gaps": ("numbers_accepted",),
    "books accept-lost": ("lost_accepted",),
    "books board": LOOKS,
    "books close": ("day_closed", "chain_key_taken"),
    "books closings": LOOKS,
    "books damaged": LOOKS,
    "books export": ("day_closed", "day_exported"),
    "books gaps": LOOKS,
    "books lost": LOOKS,
    "books mend": ("file_mended",),
    "books read-closing": ("closings_read",),
    "books rebook": ("sales_booked_again",),
    "books reconcile": LOOKS,
    "books send": ("sales_sent_again",),
    "books verify": OWN_FILE,
    "check": LOOKS,
    "consumers add": ("consumer_added",),
    "consumers list": LOOKS,
    "consumers log": LOOKS,
    "consumers retry": ("consumer_retried",),
    "consumers revoke": ("consumer_revoked",),
    "consumers token": ("consumer_key_renewed",),
    "demo": DEMO,
    "demo fault": DEMO,
    "demo laboratory": DEMO,
    "demo lock": DEMO,
    "demo prices": DEMO,
    "doctor": ("till_synchronised", "rejected_replayed", "rejected_deleted", "structure_update_begun"),
    "erp accept-ledger": ("erp_ledger_accepted",),
    "erp create": ERP,
    "erp grants": ERP,
    "erp import-ledger": ("old_ledger_import_begun", "old_ledger_imported"),
    "erp profile check": LOOKS,
    "erp profile show": LOOKS,
    "erp profile suggest": LOOKS,
    "erp try": ERP,
    "erp verify": ERP,
    "evidence": ("evidence_made",),
    "evidence make": ("evidence_made",),
    "evidence read": OWN_FILE,
    "init": ("user_created", "till_created"),
    "jobs list": LOOKS,
    "jobs show": LOOKS,
    "jobs stop": ("job_stopped",),
    "loads confirm": ("load_confirmed", "load_made"),
    "loads diff": LOOKS,
    "loads price": LOOKS,
    "loads refused": LOOKS,
    "loads release": ("load_back_released",),
    "loads rollback": ("load_back_ordered",),
    "loads rollout approve": ("load_rollout_approved",),
    "loads rollout cancel": ("load_rollout_cancelled",),
    "loads rollout resume": ("load_rollout_resumed",),
    "loads rollout start": ("load_rollout_started",),
    "loads rollout status": LOOKS,
    "loads run": ("load_made", "load_ordered"),
    "loads schedule": ("load_planned", "load_plan_removed"),
    "loads sales": LOOKS,
    "loads status": LOOKS,
    "locks episodes": LOOKS,
    "locks kill": ("session_kill_ordered", "session_killed"),
    "locks list": LOOKS,
    "locks rule": ("lock_rule_switched",),
    "metrics": LOOKS,
    "numbering": LOOKS,
    "post": AGENT,
    "read": OWN_FILE,
    "reasons": LOOKS,
    "rejected accept-difference": ("difference_accepted",),
    "rejected accept-issuer": ("issuer_accepted",),
    "rejected assign-series": ("series_assigned",),
    "rejected book": ("sale_judged",),
    "rejected delete": ("rejected_deleted", "last_copy_deleted"),
    "rejected download": ("document_downloaded",),
    "rejected keep": ("kept_unbooked",),
    "rejected list": LOOKS,
    "rejected mappings": LOOKS,
    "rejected map-payment": ("payment_mapped",),
    "rejected map-product": ("product_mapped",),
    "rejected replay": ("rejected_replayed",),
    "rejected restore": ("rejected_restored",),
    "rejected reverse": ("reversal_ordered",),
    "rejected unmap": ("mapping_ended",),
    "rejected seen": ("flag_seen",),
    "rejected show": LOOKS,
    "restore": ("store_restored",),
    "rules accept": ("rule_accepted",),
    "rules fields": LOOKS,
    "rules list": LOOKS,
    "rules try": LOOKS,
    "serve": AGENT,
    "shadow report": LOOKS,
    "status": LOOKS,
    "store rebuild": ("store_rebuilt",),
    "stores": LOOKS,
    "structures apply": ("structure_update_begun", "structure_updated"),
    "structures drift": LOOKS,
    "structures plan": LOOKS,
    "structures rollout cancel": ("rollout_cancelled",),
    "structures rollout resume": ("rollout_resumed",),
    "structures rollout start": ("rollout_started",),
    "structures rollout status": LOOKS,
    "sync": ("till_synchronised", "job_started"),
    "till assign": ("series_assigned",),
    "till create": ("till_created",),
    "till disable": ("till_disabled",),
    "till enable": ("till_enabled",),
    "till forget-lost": TILL,
    "till forget-vanished": TILL,
    "till list": LOOKS,
    "till loads price": LOOKS,
    "till loads rollback": TILL,
    "till loads status": LOOKS,
    "till run": AGENT,
    "till start": TILL,
    "till status": LOOKS,
    "till token": ("till_key_renewed",),
    "till trust": TILL,
    "trash accept": ("unbooked_accepted",),
    "trash list": LOOKS,
    "trash missing": LOOKS,
    "user create": ("user_created",),
    "user disable": ("user_disabled",),
    "user enable": ("user_enabled",),
    "user list": LOOKS,
    "user password": ("user_password_set",),
    "user role": ("user_role_changed",),
}

BY_A_TILL = "a till's own, not a person's: it stands in the documents' history and in what is known of the till"
ROUTES: dict[str, tuple[str, ...] | str] = {
    "wire.PATH_POUCHES": BY_A_TILL,
    "wire.PATH_DOCUMENTS": BY_A_TILL,
    "wire.PATH_RECEIPTS": BY_A_TILL,
    "wire.PATH_CONTACT": BY_A_TILL,
    "PATH_MANIFEST": BY_A_TILL,
    "/alerts/test": ("alerts_tested",),
    "/assistant/go-on": ("till_synchronised", "job_started"),
    "/books/rebook": ("sales_booked_again",),
    "/reconciliation/guard": ("sales_booked_again",),
    "/reconciliation/rebook": ("sales_booked_again",),
    "/tills/{name:str}/gaps": ("numbers_accepted",),
    "/tills/{name:str}/days": ("day_accepted",),
    "/tills/{name:str}/lost": ("lost_accepted",),
    "/tills/{name:str}/closings": ("closing_accepted",),
    "/tills/{name:str}/rules": ("rule_accepted",),
    "/mappings/end": ("mapping_ended",),
    "/documents/{document_id:int}/replay": ("rejected_replayed",),
    "/documents/{document_id:int}/series": ("series_assigned",),
    "/documents/{document_id:int}/issuer": ("issuer_accepted",),
    "/documents/{document_id:int}/difference": ("difference_accepted",),
    "/documents/{document_id:int}/product": ("product_mapped",),
    "/documents/{document_id:int}/payment": ("payment_mapped",),
    "/documents/{document_id:int}/reverse": ("reversal_ordered",),
    "/documents/{document_id:int}/seen": ("flag_seen",),
    "/documents/{document_id:int}/unbooked": ("kept_unbooked",),
    "/documents/{document_id:int}/book": ("sale_judged",),
    "/documents/{document_id:int}/protocol": ("protocol_attached",),
    "/sign-in": ("signed_in", "sign_in_failed"),
    "/password": ("password_changed",),
    "/sign-out": ("signed_out",),
    "/preferences": "the browser keeps them, the store does not",
    "/jobs/{job_id:int}/start": ("job_started", "job_ended"),
    "/jobs/{job_id:int}/stop": ("job_stopped",),
    "/jobs/{job_id:int}/undo": ("job_started", "job_ended"),
    "/laboratory/ask": DEMO,
    "/load-manager/held/{name:str}/confirm": ("load_confirmed", "load_made"),
    "/load-manager/held/{name:str}/read": ("load_made",),
    "/load-manager/held/{name:str}/refuse": ("load_hold_refused",),
    "/load-manager/back/check": LOOKS,
    "/load-manager/back/order": ("load_back_ordered",),
    "/load-manager/back/release": ("load_back_released",),
    "/load-manager/loads/approve": ("load_rollout_approved",),
    "/load-manager/loads/cancel": ("load_rollout_cancelled",),
    "/load-manager/loads/check": LOOKS,
    "/load-manager/loads/order": ("load_made", "load_ordered"),
    "/load-manager/loads/resume": ("load_rollout_resumed",),
    "/load-manager/plans": ("load_planned",),
    "/load-manager/plans/check": LOOKS,
    "/load-manager/plans/{plan_id:int}/remove": ("load_plan_removed",),
    "/load-manager/tills/check": LOOKS,
    "/load-manager/tills/update": ("rollout_started",),
    "/load-manager/tills/cancel": ("rollout_cancelled",),
    "/load-manager/tills/resume": ("rollout_resumed",),
    "/load-manager/{tab:str}/update": ("structure_update_begun", "structure_updated"),
    "/locks/rule": ("lock_rule_switched",),
    "/locks/sign-in": ("dba_signed_in", "dba_login_refused"),
    "/locks/sign-out": "forgets a login; nothing is kept of it",
    "/locks/check": LOOKS,
    "/locks/kill": ("session_kill_ordered", "session_killed"),
    "/tills/{name:str}/act/check": LOOKS,
    "/tills/{name:str}/act/delete": ("rejected_deleted", "last_copy_deleted"),
    "/tills/{name:str}/act/replay": ("rejected_replayed",),
    "/tills/{name:str}/act/accept": ("unbooked_accepted",),
    "/tills/{name:str}/act/restore": ("rejected_restored",),
    "/tills/{name:str}/act/download": ("documents_downloaded",),
    "/synchronise": ("till_synchronised", "job_started"),
    "/tills/{name:str}/act/synchronise": ("till_synchronised",),
    "/till-accounts": ("till_created",),
    "/till-accounts/{name:str}/token": ("till_key_renewed",),
    "/till-accounts/{name:str}/disabled": ("till_disabled", "till_enabled"),
    "/users": ("user_created",),
    "/users/{name:str}/role": ("user_role_changed",),
    "/users/{name:str}/disabled": ("user_disabled", "user_enabled"),
    "/users/{name:str}/password": ("user_password_set",),
}


def _routes() -> Iterator[str]:
    """Of everything that isn't a GET, the path as its decorator has it."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] not in ("api", "console"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for call in getattr(node, "decorator_list", []):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in ("post", "put", "patch", "delete", "route"):
                    yield ast.unparse(call.args[0]).strip("'")


def test_every_command_stands_here() -> None:
    commands = {path.removeprefix("malote ") for path, _ in leaves(typer.main.get_command(assemble()), "malote")}
    assert commands - set(COMMANDS) == set(), "say in COMMANDS what it writes to the trail, or why it writes nothing"
    assert set(COMMANDS) - commands == set(), "commands that are no more"


def test_every_route_that_may_change_something_stands_here() -> None:
    routes = list(_routes())
    assert len(routes) == len(set(routes)) > 40
    assert set(routes) - set(ROUTES) == set(), "say in ROUTES what it writes to the trail, or why it writes nothing"
    assert set(ROUTES) - set(routes) == set(), "routes that are no more"


def test_what_they_write_has_words_and_is_seen_by_a_test() -> None:
    promised = {action for said in (*COMMANDS.values(), *ROUTES.values()) if isinstance(said, tuple) for action in said}
    assert promised <= set(SENTENCES)
    others = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    seen = "\n".join(path.read_text("utf-8") for path in others)
    assert [one for one in sorted(promised) if f'"{one}"' not in seen] == [], "no test looks for it in the trail"
