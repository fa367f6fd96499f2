"""A browser that keeps account of what it is asked to load and what it complains about."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext


@dataclass
class Watched:
    """A page, with all that its browser asked for and all that it complained about."""

    context: BrowserContext
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("console", lambda message: self.complaints.append(message.text))
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page = self.context.new_page()
