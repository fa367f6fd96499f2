"""A human preference: one conversation, a preferred and a rejected continuation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``role`` is ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True)
class HumanPair:
    """Two responses to one prompt, as a human ranked them.

    ``messages`` is the prompt: a conversation that ends with a user turn. ``harmful`` says whether
    a label calls one of the responses unsafe; None without such labels.
    """

    messages: tuple[Message, ...]
    chosen: str
    rejected: str
    harmful: bool | None = None
