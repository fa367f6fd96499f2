"""Requests that are turned down, and what the rater is told."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that changes nothing.

    Attributes:
        status: of HTTP.
        title: what is the matter.
        reason: why, and what to do.
        onward: where to go on, path and words; None where there is no such place.
    """

    def __init__(
        self, status: int, title: str, reason: str, onward: tuple[str, str] | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.reason = reason
        self.onward = onward


def unknown_link() -> RefusedError:
    """Nobody has been given this link."""
    reason = (
        "Please check that you have copied all of it. If it still does not work, ask whoever "
        "sent it to you for a new one."
    )
    return RefusedError(404, "This link is not known", reason)


def not_signed_in() -> RefusedError:
    """No session, or one that has ended."""
    reason = "Please open the personal link that you were sent. Your saved scores are kept."
    return RefusedError(403, "You are not signed in", reason)


def not_started() -> RefusedError:
    """Consent is missing."""
    reason = "Please read the instructions and agree to take part first."
    return RefusedError(403, "You have not begun yet", reason, ("/", "Read the instructions"))


def foreign_form() -> RefusedError:
    """The form's token is not the session's."""
    reason = (
        "The form was not made for this session, so nothing was changed. This happens when you "
        "have opened your link again since. Please load the page again."
    )
    return RefusedError(403, "This form has expired", reason, ("/tasks", "All tasks"))


def malformed() -> RefusedError:
    """The form is not one of the page's."""
    reason = "What was sent is no form of this page, so nothing was changed."
    return RefusedError(400, "This could not be understood", reason, ("/tasks", "All tasks"))


def not_a_form() -> RefusedError:
    """The body is of another type."""
    reason = "Only forms of this page are taken, so nothing was changed."
    return RefusedError(415, "This is not a form", reason, ("/tasks", "All tasks"))


def stale(task: int) -> RefusedError:
    """Scores have been saved since the form was filled in, perhaps by sending it twice."""
    reason = (
        "This form was sent before, or the task was changed in another window since you opened "
        "it. Nothing was changed now. Open it again to go on from what is saved."
    )
    onward = (f"/tasks/{task}", f"Task {task} as it is saved")
    return RefusedError(409, "These scores are out of date", reason, onward)


def submitted() -> RefusedError:
    """The study is closed for this rater."""
    reason = "You have submitted your ratings, so they can no longer be changed. They are kept."
    return RefusedError(409, "You have finished already", reason, ("/done", "Your ratings"))


def too_many() -> RefusedError:
    """A rate limit."""
    reason = "There were too many requests in one minute. Please wait a minute and try again."
    return RefusedError(429, "Please wait a moment", reason)


def not_found() -> RefusedError:
    """No such page."""
    reason = "Nothing is at this address."
    return RefusedError(404, "No such page", reason, ("/tasks", "All tasks"))


def wrong_method(status: int) -> RefusedError:
    """What the routes refuse by themselves."""
    return RefusedError(status, "This is not possible here", "Nothing was changed.")


def not_saved() -> RefusedError:
    """The store cannot be written."""
    reason = "The server could not save this. Please try again in a minute."
    return RefusedError(503, "Not saved", reason, ("/tasks", "All tasks"))


def broken() -> RefusedError:
    """A bug."""
    reason = "Something went wrong on the server. What was saved before is kept."
    return RefusedError(500, "This did not work", reason, ("/tasks", "All tasks"))
