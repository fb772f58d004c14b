"""The program ``malote``: one file per command group, each registering its own commands here."""

import sys

import typer

from malote.cli import (
    audit,
    demo,
    erp,
    erp_profile,
    erp_verify,
    locks,
    numbering,
    post,
    read,
    reasons,
    rejected,
    rejected_actions,
    rollouts,
    serve,
    status,
    structures,
    sync,
    till,
    tills,
    users,
)

app = typer.Typer(
    name="malote",
    help="Takes every sale from a store's tills to the ERP exactly once, and proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
till_app = typer.Typer(no_args_is_help=True, help="The agent beside the POS, and the tills a server knows.")
rejected_app = typer.Typer(no_args_is_help=True, help="Documents that a person must look at.")
app.add_typer(till_app, name="till")
app.add_typer(rejected_app, name="rejected")
trash_app = typer.Typer(no_args_is_help=True, help="Deleted documents, which can be restored.")
app.add_typer(trash_app, name="trash")
user_app = typer.Typer(no_args_is_help=True, help="Who may sign in to the console, and as what.")
audit_app = typer.Typer(no_args_is_help=True, help="What was done, by whom, and whether the trail is whole.")
app.add_typer(user_app, name="user")
app.add_typer(audit_app, name="audit")

locks_app = typer.Typer(no_args_is_help=True, help="Who blocks whom in the ERP, and ending a session.")
app.add_typer(locks_app, name="locks")

erp_app = typer.Typer(no_args_is_help=True, help="The production database.")
app.add_typer(erp_app, name="erp")
structures_app = typer.Typer(no_args_is_help=True, help="The structures of the databases, and how they are updated.")
rollout_app = typer.Typer(no_args_is_help=True, help="The tills' structure, wave by wave.")
app.add_typer(structures_app, name="structures")
structures_app.add_typer(rollout_app, name="rollout")
profile_app = typer.Typer(no_args_is_help=True, help="Which tables and columns of the ERP Malote writes.")
erp_app.add_typer(profile_app, name="profile")

read.register(app)
reasons.register(app)
serve.register(app)
post.register(app)
status.register(app)
demo.register(app)
till.register(till_app)
tills.register(till_app)
rejected.register(rejected_app)
rejected_actions.register(rejected_app, trash_app)
sync.register(app)
numbering.register(app)
structures.register(structures_app)
rollouts.register(rollout_app)
rollouts.register_trust(till_app)
users.register(user_app)
erp.register(erp_app)
erp_verify.register(erp_app)
erp_profile.register(profile_app)
locks.register(locks_app)
audit.register(audit_app)


def main() -> None:
    # A store's Windows console may not be UTF-8; a name with an accent must never end a command.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()
