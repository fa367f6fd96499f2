"""Names of the tables that a study's analysis gives beside those of its means, and their marks."""

AGREEMENT = "table3-agreement"
RATERS = "table3-raters"

TITLES = {
    AGREEMENT: "Table 3: agreement and tests",
    RATERS: "Table 3: raters",
}
"""Titles by the name of the table's files."""


def shown_title(title: str, simulated: bool) -> str:
    """Title of a table, which says so where a program has rated."""
    return f"{title} (simulated raters)" if simulated else title


def ratings_mark(simulated: bool) -> str:
    """What the column ``ratings`` says in every line of a study's tables."""
    return "simulated" if simulated else "human"
