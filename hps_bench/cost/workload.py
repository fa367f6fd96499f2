"""What the workflow would start for a target: cells, plans, jobs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.cell import Cell
from hps_bench.errors import UserError, nearest
from hps_bench.evaluation.settings import SamplesJob
from hps_bench.losses import registry
from hps_bench.study.planning import study_cells
from hps_bench.tables.layout import find_layout

if TYPE_CHECKING:
    from hps_bench.workflow import Workflow

TARGETS = ("all", "tables")
ONCE = ("paper_comparison", "report", "cards", "index", "track")
"""Rules that have one job in a whole run."""
STUDY = ("study", "study_simulate", "study_analyse")
"""Rules of the human study."""
RESULTS = ("table", "figure", "theory", *STUDY, *ONCE)
"""Rules that show results."""


@dataclass(frozen=True)
class PlanKey:
    """What a plan and its reference belong to."""

    dataset: str
    method: str
    responses: int
    seed: int


@dataclass(frozen=True)
class Batch:
    """Policies that one job samples from.

    Attributes:
        evaluated_on: data set of the test split.
        cells: policies, each under one of its cells.
    """

    evaluated_on: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Workload:
    """Cells and jobs of a target, as ``snakemake TARGET`` would run them on nothing.

    Attributes:
        suite: the config.
        target: ``all``, ``tables``, or the name of a table.
    """

    suite: Workflow
    target: str

    def __post_init__(self) -> None:
        known = [*TARGETS, *self.suite.config.tables]
        if self.target not in known:
            raise UserError(f"--target: no target {self.target!r}; {nearest(self.target, known)}")

    @cached_property
    def tables(self) -> list[str]:
        """Tables that are written."""
        return list(self.suite.config.tables) if self.target in TARGETS else [self.target]

    @cached_property
    def judged_on(self) -> list[str]:
        """Data sets on whose test split a judge scores."""
        judged = [table for table in self.tables if find_layout(table).records == "judge"]
        cells = (cell for table in judged for cell in self.suite.table_cells(table))
        return list(dict.fromkeys(cell.evaluated_on for cell in cells))

    @cached_property
    def study_jobs(self) -> list[str]:
        """Rules of the human study that run."""
        study = self.suite.study
        is_shown = any(find_layout(table).records == "study" for table in self.tables)
        is_analysed = self.target in TARGETS and bool(study.analysis)
        if not (is_shown or is_analysed or (self.target == "all" and study.packets)):
            return []
        runs = (True, study.is_simulated, is_analysed)
        return [rule for rule, is_run in zip(STUDY, runs, strict=True) if is_run]

    @cached_property
    def evaluated(self) -> list[Cell]:
        """Cells that are evaluated."""
        cells: list[Cell] = list(self.suite.grid) if self.target == "all" else []
        for table in self.tables:
            if find_layout(table).records not in ("policies", "judge", "study"):
                cells += self.suite.table_cells(table)
        cells += study_cells(self.suite.config) if self.study_jobs else []
        cells += [cell for cell in self.suite.judged if cell.evaluated_on in self.judged_on]
        return list(dict.fromkeys(cells))

    @cached_property
    def policies(self) -> list[Cell]:
        """Policies that are trained, each under one of its cells."""
        priced = [table for table in self.tables if find_layout(table).records == "policies"]
        cells = [*self.evaluated, *(c for table in priced for c in self.suite.table_cells(table))]
        first: dict[str, Cell] = {}
        for cell in cells:
            first.setdefault(cell.policy_path, cell)
        return list(first.values())

    @cached_property
    def followed(self) -> list[Cell]:
        """Policies that are followed through training, each under one of its cells."""
        shown = (table for table in self.tables if find_layout(table).records == "margins")
        cells = [cell for table in shown for cell in self.suite.table_cells(table)]
        paths = self.suite.followed(self.suite.grid if self.target == "all" else cells)
        return [cell for cell in self.policies if cell.policy_path in paths]

    @cached_property
    def plans(self) -> list[PlanKey]:
        """Plans, each with a reference of its own."""
        keys = (PlanKey(c.trained_on, c.method, c.responses, c.seed) for c in self.policies)
        return list(dict.fromkeys(keys))

    @property
    def trained_on(self) -> list[str]:
        """Data sets whose training split is sampled for."""
        return list(dict.fromkeys(cell.trained_on for cell in self.policies))

    @property
    def evaluated_on(self) -> list[str]:
        """Data sets whose test split is sampled for."""
        return list(dict.fromkeys([*(c.evaluated_on for c in self.evaluated), *self.judged_on]))

    @cached_property
    def trained_models(self) -> list[str]:
        """Parts whose models are trained here and needed."""
        needed = ["policy", "generator", "annotator"]
        needed += ["evaluator"] if self.evaluated else []
        trained = [part for part in needed if self.suite.model_files(part)]
        reward_models = set(self.suite.stages.trained_parts("preference"))
        origins = [self.suite.stages.initial_model(p) for p in trained if p in reward_models]
        return list(dict.fromkeys([*trained, *origins]))

    @cached_property
    def datasets(self) -> list[str]:
        """Data sets that are read; models that are trained here learn from all of them."""
        if self.trained_models:
            return list(self.suite.config.datasets)
        used = {*self.trained_on, *self.evaluated_on}
        return [name for name in self.suite.config.datasets if name in used]

    @cached_property
    def batches(self) -> list[Batch]:
        """Policies that are sampled together, by vLLM."""
        if self.suite.config.evaluation.backend != "vllm":
            return []
        seen: set[Cell] = set()
        batches = []
        for cell in self.evaluated:
            if cell not in seen and (batch := self._batch(cell)):
                seen.update(batch.cells)
                batches.append(batch)
        return batches

    @cached_property
    def sampled_together(self) -> frozenset[Cell]:
        """Cells whose samples a batch draws."""
        return frozenset(cell for batch in self.batches for cell in batch.cells)

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs by rule, without those that write settings or wait."""
        reward_models = set(self.suite.stages.trained_parts("preference"))
        own = self.trained_models
        parts = self.suite.config.responses.parts
        splits = len(self.trained_on) + len(self.evaluated_on)
        counts = {
            "prompts": len(self.datasets),
            "tokenizer": int(bool(own)),
            "language_model": sum(part not in reward_models for part in own),
            "reward_model": sum(part in reward_models for part in own),
            "responses": splits * parts,
            "rewards": splits * parts,
            "plan": len(self.plans),
            "reference": len(self.plans),
            "reference_test": len(self.evaluated_on),
            "train": len(self.policies),
            "samples": len(self.batches),
            "evaluate": len(self.evaluated),
            "evaluate_baseline": len(self.evaluated_on),
            "trajectory": len(self.followed),
            "judge": len(self.judged_on),
            "table": len(self.tables),
        }
        if self.target == "all":
            counts |= dict.fromkeys(ONCE, 1) | {"figure": len(self.suite.config.figures)}
            counts["theory"] = int(self.suite.config.theory is not None)
        counts |= dict.fromkeys(self.study_jobs, 1)
        return {rule: count for rule, count in counts.items() if count}

    def needs_mismatched(self, plan: PlanKey) -> bool:
        """Whether some loss that trains on a plan needs mismatched pairs (KTO)."""
        given = (plan.dataset, plan.method, str(plan.responses), str(plan.seed))
        return bool(self.suite.mismatched_flag(*given))

    def is_mismatched(self, cell: Cell) -> bool:
        """Whether a policy's loss needs mismatched pairs."""
        return registry.lookup(cell.reward, self.suite.config.loss_files).mismatched

    def _batch(self, cell: Cell) -> Batch | None:
        asked = [] if self.target == "all" else [self.target]
        files = self.suite.samples_files(cell.policy_path, cell.evaluated_on, asked)
        if not files:
            return None
        key = f"samples/{cell.evaluated_on}/{Path(files[0]).stem}"
        job = SamplesJob.model_validate_json(self.suite.settings(key))
        return Batch(cell.evaluated_on, tuple(job.cells))
