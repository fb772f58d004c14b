"""Trabalhos: what was ordered for many at once, how far it got, what it left as it was, and the way back."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console.rendering import answer
from malote.console.visits import (
    ROOT,
    ConsoleRequest,
    PageRefusedError,
    needs,
    parameters,
    redirect,
    services_of,
    visit_of,
    whole,
)
from malote.quarantine.job_reports import Job, Kind
from malote.quarantine.quarantine_reports import QuarantineError

NEEDED: dict[Kind, Permission] = {
    "delete": Permission.DELETE_REJECTED,
    "restore": Permission.DELETE_REJECTED,
    "replay": Permission.REPLAY,
    "synchronise": Permission.SYNCHRONISE,
}
# Whoever may order none of them is told nothing of any; which of them a job needs is known only once it is looked at.
_LEAST = Permission.SYNCHRONISE


def confirmation(request: ConsoleRequest, draft: Job) -> Response[Any]:
    """Asks for a frozen list, with its count and its value, before anything is done to it."""
    shown = {"section": "tills", "job": draft}
    response = answer(request, "job_confirm", shown, events={"openDialog": "confirm"})
    # Whatever the button would have changed: the question stands in the page's dialog.
    response.set_header("HX-Retarget", "#confirm-body")
    response.set_header("HX-Reswap", "innerHTML")
    return response


@get("/jobs", sync_to_thread=True)
def show_all(request: ConsoleRequest) -> Response[str]:
    return answer(request, "jobs", {"section": "jobs", "jobs": services_of(request).jobs.recent()})


@get("/jobs/{job_id:int}", sync_to_thread=True)
def show(request: ConsoleRequest, job_id: FromPath[int]) -> Response[str]:
    jobs = services_of(request).jobs
    job = _known(request, job_id)
    after = whole(parameters(request).get("after"), 0, least=0)
    return answer(request, "job", {"section": "jobs", "job": job, "page": jobs.refused(job.id, after=after)})


@post("/jobs/{job_id:int}/start", status_code=200, sync_to_thread=True, opt=needs(_LEAST))
def start(request: ConsoleRequest, job_id: FromPath[int]) -> Response[Any]:
    """The list that the dialog showed, and nothing else."""
    visit, jobs = visit_of(request), services_of(request).jobs
    reason = visit.text("reason").strip() if visit.text("last_copy") == "1" else None
    if reason is not None:
        visit.demand(Permission.DELETE_LAST_COPY)
    visit.demand(NEEDED[_known(request, job_id).kind])
    try:
        jobs.start(job_id, visit.actor, last_copy_reason=reason)
    except QuarantineError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    return redirect(request, f"{ROOT}/jobs/{job_id}")


@post("/jobs/{job_id:int}/stop", status_code=200, sync_to_thread=True, opt=needs(_LEAST))
def stop(request: ConsoleRequest, job_id: FromPath[int]) -> Response[Any]:
    visit = visit_of(request)
    visit.demand(NEEDED[_known(request, job_id).kind])
    services_of(request).jobs.stop(job_id, visit.actor)
    return redirect(request, f"{ROOT}/jobs/{job_id}")


@post("/jobs/{job_id:int}/undo", status_code=200, sync_to_thread=True, opt=needs(Permission.DELETE_REJECTED))
def undo(request: ConsoleRequest, job_id: FromPath[int]) -> Response[Any]:
    visit = visit_of(request)
    try:
        begun = services_of(request).jobs.undo(job_id, visit.actor)
    except QuarantineError as error:
        status = 404 if error.code == "job_unknown" else 422
        raise PageRefusedError(error.code, status, **error.facts) from error
    return redirect(request, f"{ROOT}/jobs/{begun.id}")


def _known(request: ConsoleRequest, job_id: int) -> Job:
    """Raises ``PageRefusedError`` where there is none."""
    try:
        return services_of(request).jobs.find(job_id)
    except QuarantineError as error:
        raise PageRefusedError(error.code, 404, **error.facts) from error


HANDLERS: list[Any] = [show_all, show, start, stop, undo]
