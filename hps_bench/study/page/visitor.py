"""Who sends a request, and the form in it: what routes depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from hps_bench.study.assignment import Assignment, Packet
from hps_bench.study.criteria import SCORES
from hps_bench.study.page import refusals, views
from hps_bench.study.page.forms import FORM, MalformedError, parse_form
from hps_bench.study.page.security import (
    PER_ADDRESS,
    PER_RATER,
    RateLimits,
    csrf_token,
    digest,
    is_csrf_token,
)
from hps_bench.study.page.store import Progress, Store

_OTHER_FIELDS = 3
"""Fields of a task's form beside its scores."""


class Site:
    """What all requests share.

    Attributes:
        assignment: what is rated.
        store: where it is saved.
        limits: counts of requests.
        secure: whether browsers reach the page by HTTPS alone.
        cookie: name of the session's cookie.
        simulated: whether programs rate.
    """

    def __init__(self, assignment: Assignment, store: Store, *, secure: bool) -> None:
        self.assignment = assignment
        self.store = store
        self.limits = RateLimits()
        self.secure = secure
        self.cookie = "__Host-rater" if secure else "rater"
        self.simulated = store.source == "simulated"
        self.items = assignment.by_item
        self.packets = assignment.by_rater
        shown = [len(task.responses) for packet in assignment.raters for task in packet.tasks]
        self.most_fields = max(shown, default=0) * len(SCORES) + _OTHER_FIELDS

    def page(self, template: str, status: int = 200, **view: Any) -> HTMLResponse:
        """A page from a template."""
        text = views.templates().get_template(template).render(simulated=self.simulated, **view)
        return HTMLResponse(text, status)


@dataclass(frozen=True)
class Visitor:
    """A rater who is signed in.

    Attributes:
        rater: the name in the assignment.
        session: token of the session.
        packet: the rater's tasks.
        progress: how far the rater is.
    """

    rater: str
    session: str
    packet: Packet
    progress: Progress

    @property
    def csrf(self) -> str:
        """What forms of this session carry."""
        return csrf_token(self.session)


def site_of(request: Request) -> Site:
    """What the application was made with."""
    site: Site = request.app.state.site
    return site


def address_of(request: Request) -> str:
    """Network address of a request; it has been counted."""
    address = request.client.host if request.client else ""
    site_of(request).limits.count(PER_ADDRESS, address)
    return address


def signed_in(request: Request, _: Annotated[str, Depends(address_of)]) -> Visitor:
    """Rater of the session.

    Raises:
        RefusedError: there is no session, or it has ended.
        TooManyRequestsError: the rater asks too often.
    """
    site = site_of(request)
    session = request.cookies.get(site.cookie, "")
    rater = site.store.signed_in(digest(session))
    if rater is None:
        raise refusals.not_signed_in()
    site.limits.count(PER_RATER, rater)
    return Visitor(rater, session, site.packets[rater], site.store.progress(rater))


async def body_of(request: Request) -> bytes:
    """Body of a form.

    Raises:
        RefusedError: it is of another type.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise refusals.not_a_form()
    return await request.body()


def form_of(
    request: Request,
    visitor: Annotated[Visitor, Depends(signed_in)],
    body: Annotated[bytes, Depends(body_of)],
) -> Mapping[str, str]:
    """Fields of a form that was made for this session.

    Raises:
        RefusedError: it was not, or is none.
    """
    try:
        fields = parse_form(body, site_of(request).most_fields)
    except MalformedError:
        raise refusals.malformed() from None
    if not is_csrf_token(visitor.session, fields.get("csrf", "")):
        raise refusals.foreign_form()
    return fields


def wants_json(request: Request) -> bool:
    """Whether a script has sent the request."""
    return request.headers.get("accept", "") == "application/json"


def refuse(request: Request, refusal: refusals.RefusedError) -> Response:
    """Tell why a request changes nothing."""
    if wants_json(request):
        return JSONResponse({"reason": refusal.reason}, refusal.status)
    return site_of(request).page(
        "refused.html",
        refusal.status,
        title=refusal.title,
        reason=refusal.reason,
        onward=refusal.onward,
    )
