"""Names of the paper's tables, rows and columns."""

from __future__ import annotations

from hps_bench.tables.table import BASELINE, RowKey

TABLES = ("table2", "table3", "table4", "table5", "table6", "table7", "table8", "cost")
"""The paper's tables, and its hours of training."""

_COLUMNS = {
    "bleu": "BLEU",
    "reward_score": "Reward",
    "rm_dpo": "RM_DPO",
    "rm_rdpo": "RM_R-DPO",
    "kl": "KL",
    "quality_score": "Quality score",
    "win": "Win, %",
    "lose": "Lose, %",
    "tie": "Tie, %",
    "wall_hours": "Hours",
}


def table_title(table: str) -> str:
    """Name of a table, for example ``Table 2``; its hours of training stand in Section 6."""
    return "Section 6" if table == "cost" else table.replace("table", "Table ")


def column_title(column: str) -> str:
    """Heading of a published column."""
    return _COLUMNS[column]


def row_title(key: RowKey) -> str:
    """Label of a row, with n and β where they are not those of the main tables."""
    axes = [key.title]
    if key != BASELINE and key.responses not in (None, 100):
        axes.append(f"n = {key.responses}")
    if key != BASELINE and key.beta not in (None, 0.1):
        axes.append(f"β = {key.beta:g}")
    return ", ".join(axes)
