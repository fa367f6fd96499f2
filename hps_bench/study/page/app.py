"""The rating page as a web application."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from hps_bench.study.assignment import Assignment, Item, Task
from hps_bench.study.page import refusals, views
from hps_bench.study.page.forms import (
    MalformedError,
    SentTask,
    check_agreed,
    field_names,
    read_task,
)
from hps_bench.study.page.security import (
    WRONG_LINKS,
    Guard,
    TooManyRequestsError,
    digest,
    new_token,
)
from hps_bench.study.page.store import (
    SESSION_SECONDS,
    IncompleteError,
    StaleError,
    Store,
    SubmittedError,
)
from hps_bench.study.page.visitor import (
    Site,
    Visitor,
    address_of,
    form_of,
    refuse,
    signed_in,
    site_of,
    wants_json,
)

_STATIC = Path(__file__).with_name("static")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_log = logging.getLogger(__name__)

router = APIRouter(default_response_class=Response)
SiteOf = Annotated[Site, Depends(site_of)]
SignedIn = Annotated[Visitor, Depends(signed_in)]
Form = Annotated[Mapping[str, str], Depends(form_of)]


def create_app(assignment: Assignment, store: Store, address: str) -> ASGIApp:
    """The application.

    Args:
        assignment: what is rated.
        store: where it is saved.
        address: of the page as browsers reach it; cookies are for HTTPS alone where it is.
    """
    parts = urlsplit(address)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.site = Site(assignment, store, secure=parts.scheme == "https")
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.add_exception_handler(refusals.RefusedError, _refused)
    app.add_exception_handler(MalformedError, _malformed)
    app.add_exception_handler(TooManyRequestsError, _too_many)
    app.add_exception_handler(SubmittedError, _submitted)
    app.add_exception_handler(RequestValidationError, _not_found)
    app.add_exception_handler(HTTPException, _by_route)
    app.add_exception_handler(sqlite3.OperationalError, _not_saved)
    app.add_exception_handler(Exception, _broken)
    return Guard(app, {*_LOOPBACK, parts.netloc.rpartition("@")[2].lower(), parts.hostname or ""})


@router.get("/r/{token}")
def open_link(site: SiteOf, address: Annotated[str, Depends(address_of)], token: str) -> Response:
    """Sign in by a personal link.

    The answer is a page that goes on by itself, no redirect: a browser that follows a link from
    elsewhere, such as a mail, would not send a strict cookie to where a redirect leads.
    """
    session = new_token()
    # Looked up first: raters may share an address, and nobody guesses 256 random bits.
    if site.store.open_session(digest(token), digest(session)) is None:
        site.limits.count(WRONG_LINKS, address)
        raise refusals.unknown_link()
    answer = site.page("entry.html")
    answer.set_cookie(
        site.cookie,
        session,
        max_age=int(SESSION_SECONDS),
        secure=site.secure,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.get("/")
def instructions(site: SiteOf, visitor: SignedIn) -> Response:
    """Show what is asked of the rater."""
    if visitor.progress.submitted_at is not None:
        return _see("/done")
    started = visitor.progress.started_at is not None
    view = views.welcome(visitor.packet)
    return site.page("welcome.html", csrf=visitor.csrf, started=started, **view)


@router.post("/start")
def start(site: SiteOf, visitor: SignedIn, form: Form) -> Response:
    """Agree to take part."""
    check_agreed(form, "consent")
    site.store.start(visitor.rater)
    return _see("/tasks")


@router.get("/tasks")
def tasks(site: SiteOf, visitor: SignedIn) -> Response:
    """Show all tasks."""
    if elsewhere := _elsewhere(visitor):
        return elsewhere
    view = views.overview(visitor.packet, visitor.progress)
    return site.page("tasks.html", csrf=visitor.csrf, incomplete=False, **view)


@router.get("/tasks/{number}")
def task(site: SiteOf, visitor: SignedIn, number: int) -> Response:
    """Show a task with the scores that are saved."""
    if elsewhere := _elsewhere(visitor):
        return elsewhere
    task, item = _task(site, visitor, number)
    site.store.see(visitor.rater, task.item)
    form = views.saved_scores(task, item, site.store.task(visitor.rater, task.item))
    return _task_page(site, visitor, number, item, form)


@router.post("/tasks/{number}")
def save(site: SiteOf, visitor: SignedIn, form: Form, request: Request, number: int) -> Response:
    """Save the scores of a task."""
    if visitor.progress.started_at is None:
        raise refusals.not_started()
    task, _ = _task(site, visitor, number)
    sent = read_task(form, task.responses)
    if sent.wrong:
        return _wrong(site, visitor, number, sent, request)
    try:
        revision = site.store.save(visitor.rater, task.item, sent.scores, sent.revision)
    except StaleError:
        return _stale(site, visitor, number, request)
    if wants_json(request):
        return JSONResponse({"revision": revision, "complete": _complete(site, visitor)})
    return _see(views.next_path(sent.go, number, len(visitor.packet.tasks)))


@router.post("/submit")
def submit(site: SiteOf, visitor: SignedIn, form: Form) -> Response:
    """Submit the study, after which nothing changes."""
    check_agreed(form, "final")
    expected = sum(views.expected_scores(task) for task in visitor.packet.tasks)
    try:
        site.store.submit(visitor.rater, expected)
    except IncompleteError:
        view = views.overview(visitor.packet, visitor.progress)
        return site.page("tasks.html", 422, csrf=visitor.csrf, incomplete=True, **view)
    return _see("/done")


@router.get("/done")
def done(site: SiteOf, visitor: SignedIn) -> Response:
    """Thank the rater."""
    if visitor.progress.submitted_at is None:
        return _see("/tasks")
    return site.page("done.html", tasks=len(visitor.packet.tasks))


def _see(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def _elsewhere(visitor: Visitor) -> Response | None:
    """Where a rater belongs who has not begun, or has finished."""
    if visitor.progress.submitted_at is not None:
        return _see("/done")
    return _see("/") if visitor.progress.started_at is None else None


def _task(site: Site, visitor: Visitor, number: int) -> tuple[Task, Item]:
    if not 1 <= number <= len(visitor.packet.tasks):
        raise refusals.not_found()
    task = visitor.packet.tasks[number - 1]
    return task, site.items[task.item]


def _task_page(
    site: Site, visitor: Visitor, number: int, item: Item, form: views.View, status: int = 200
) -> Response:
    view = views.task_page(visitor.packet, number, item, visitor.progress)
    return site.page("task.html", status, csrf=visitor.csrf, **view, **form)


def _complete(site: Site, visitor: Visitor) -> int:
    """Number of complete tasks, after a change."""
    return views.complete_tasks(visitor.packet, site.store.progress(visitor.rater))


def _stale(site: Site, visitor: Visitor, number: int, request: Request) -> Response:
    """Refuse scores that are out of date; a script is told what is saved."""
    refusal = refusals.stale(number)
    if not wants_json(request):
        return refuse(request, refusal)
    task, _ = _task(site, visitor, number)
    saved = site.store.task(visitor.rater, task.item)
    answer = {
        "reason": refusal.reason,
        "revision": saved.revision,
        "complete": _complete(site, visitor),
        "saved": dict.fromkeys(field_names(task.responses), "") | views.saved_texts(saved),
    }
    return JSONResponse(answer, refusal.status)


def _wrong(site: Site, visitor: Visitor, number: int, sent: SentTask, request: Request) -> Response:
    """The form again with what is wrong in it; nothing is saved."""
    if wants_json(request):
        return JSONResponse({"reason": "Some scores are not from 1.00 to 5.00."}, 422)
    task, item = _task(site, visitor, number)
    saved = site.store.task(visitor.rater, task.item)
    form = views.sent_scores(task, item, saved, sent)
    return _task_page(site, visitor, number, item, form, 422)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, refusals.RefusedError)
    return refuse(request, error)


def _malformed(request: Request, _: Exception) -> Response:
    return refuse(request, refusals.malformed())


def _submitted(request: Request, _: Exception) -> Response:
    return refuse(request, refusals.submitted())


def _not_found(request: Request, _: Exception) -> Response:
    return refuse(request, refusals.not_found())


def _too_many(request: Request, _: Exception) -> Response:
    answer = refuse(request, refusals.too_many())
    answer.headers["Retry-After"] = "60"
    return answer


def _by_route(request: Request, error: Exception) -> Response:
    """What Starlette refuses: a path, or a method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    found = refusals.not_found() if status == 404 else refusals.wrong_method(status)
    return refuse(request, found)


def _not_saved(request: Request, error: Exception) -> Response:
    _log.error("the store cannot be used: %s", error)
    return refuse(request, refusals.not_saved())


def _broken(request: Request, error: Exception) -> Response:
    _log.error("a request failed: %r", error)
    return refuse(request, refusals.broken())
