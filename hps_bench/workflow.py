"""What the Snakefile asks of a config: files, settings and code digests of its jobs."""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from pathlib import Path

from hps_bench.backends import SAMPLERS, SCORERS
from hps_bench.batches import Batches
from hps_bench.cards.settings import CardsJob
from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.errors import UserError
from hps_bench.figures.catalogue import find_figure
from hps_bench.figures.settings import FigureJob
from hps_bench.integrity import seal_of
from hps_bench.models.settings import TrainedModel
from hps_bench.paper import incomparable
from hps_bench.paper_comparison.planning import comparison_files, comparison_job
from hps_bench.paper_comparison.settings import ComparisonJob
from hps_bench.prompts.reading import matching_files
from hps_bench.prompts.settings import FileSource
from hps_bench.provenance import code_digest
from hps_bench.records import write_json
from hps_bench.report.typesetting import missing_files
from hps_bench.selection import Selection
from hps_bench.settings import Settings
from hps_bench.stage_settings import PARTS, StageSettings
from hps_bench.study.planning import StudyFiles, study_job
from hps_bench.tables.layout import find_layout
from hps_bench.tables.settings import TableJob
from hps_bench.tables.table import ALL_SETS
from hps_bench.theory.catalogue import THEOREMS
from hps_bench.theory.settings import TABLES
from hps_bench.tracking.settings import TrackedExperiment, TrackSettings

CODE = {
    "prompts": "hps_bench.prompts.stage",
    "tokenizer": "hps_bench.models.tokenizer",
    "model": "hps_bench.models.stage",
    "responses": "hps_bench.responses.stage",
    "rewards": "hps_bench.rewards.stage",
    "plan": "hps_bench.plan.stage",
    "reference": "hps_bench.reference.stage",
    "train": "hps_bench.training.stage",
    "evaluate": "hps_bench.evaluation.stage",
    "trajectory": "hps_bench.trajectory.stage",
    "judge": "hps_bench.judge.stage",
    "study": "hps_bench.study.stage",
    "study_simulate": "hps_bench.study.simulation",
    "study_analyse": "hps_bench.study.analysis_stage",
    "theory": "hps_bench.theory.stage",
    "table": "hps_bench.tables.stage",
    "paper_comparison": "hps_bench.paper_comparison.stage",
    "figure": "hps_bench.figures.stage",
    "cards": "hps_bench.cards.stage",
    "index": "hps_bench.index_page.page",
    "report": "hps_bench.report.stage",
}
"""Module behind each stage; what it imports is what the stage runs."""

_digest = cache(code_digest)  # asked for by every training


class Workflow(Selection):
    """A checked config, seen from the workflow.

    Args:
        config: all paths are relative to the working directory.

    Attributes:
        results: folder of the results.
        stages: settings of the stages.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.results = f"results/{config.name}"
        self.stages = StageSettings(config, self.results)

    def settings(self, key: str) -> str:
        """JSON of the settings file ``settings/{key}.json``, in the order of the config.

        Args:
            key: stage, and after a slash what its settings depend on, for example
                ``train/dpo-hps`` or ``prompts/hh-rlhf``.
        """
        stage, _, item = key.partition("/")
        makers: dict[str, Callable[[str], Settings]] = {
            "prompts": self.config.datasets.__getitem__,
            "tokenizer": lambda _: self.config.tokenizer,
            "models": self.stages.trained_model,
            "responses": self.stages.responses,
            "rewards": lambda _: self.stages.scoring("annotator"),
            "plan": self.stages.plan,
            "reference": lambda _: self.stages.reference(),
            "train": self.stages.train,
            "evaluate": self.stages.evaluate,
            "samples": lambda batch: self._batches.job(*batch.split("/")),
            "trajectory": lambda _: self.stages.trajectory(),
            "judge": lambda _: self.stages.judge,
            "study": lambda _: study_job(self.config),
            "study_analysis": lambda _: self.config.statistics,
            "theory": lambda _: self.stages.theory,
            "tables": self.table_job,
            "paper_comparison": lambda _: self.comparison,
            "figures": self.figure_job,
            "track": lambda _: self.tracking,
            "cards": lambda _: self.config,
            "index": lambda _: self.config,
            "report": lambda _: self.config,
        }
        return json.dumps(makers[stage](item).model_dump(mode="json"))

    @property
    def execution_file(self) -> str:
        """Memory and checkpoints of training."""
        return f"{self.results}/settings/execution.json"

    @property
    def engine_file(self) -> str:
        """Memory and speed of vLLM."""
        return f"{self.results}/settings/engine.json"

    def write_execution(self) -> None:
        """Write the settings that decide no result, so that no job waits for their files.

        As ``ancient`` inputs, once they changed, they would hide from Snakemake what is missing
        downstream of them.
        """
        write_json(Path(self.execution_file), self.config.training.execution.model_dump())
        write_json(Path(self.engine_file), self.config.engine.model_dump())

    def packed_settings(self, key: str) -> str:
        """The settings file in gzip and base 64: Linux takes no argument of over 128 KiB."""
        return b64encode(gzip.compress(f"{self.settings(key)}\n".encode(), mtime=0)).decode()

    def settings_digest(self, key: str) -> str:
        """SHA-256 of the settings file."""
        return hashlib.sha256(f"{self.settings(key)}\n".encode()).hexdigest()

    def settings_seal(self, key: str) -> str:
        """Where the digest of the settings file stands."""
        return str(seal_of(Path(f"{self.results}/settings/{key}.json")))

    def code(self, stage: str, *modules: str) -> str:
        """Digest of the code that a stage runs, with the backends that it uses."""
        sampling = {
            "responses": self.config.responses.backend,
            "evaluate": self.config.evaluation.backend,
        }
        used = [SAMPLERS[sampling[stage]]] if stage in sampling else []
        if stage in ("rewards", "evaluate"):
            used.append(SCORERS[self.config.rewards.backend])
        return _digest(CODE[stage], *used, *modules)

    def train_code(self, reward: str, method: str) -> str:
        """Digest of the training code with one policy's loss, and no other loss."""
        return self.code("train", self.stages.loss(reward, method).function.partition(":")[0])

    def model_files(self, part: str) -> list[str]:
        """Weights of a model that the workflow trains; nothing for a given model."""
        trained = isinstance(self.stages.model(part), TrainedModel)
        return [f"{self.results}/models/{part}/model.safetensors"] if trained else []

    def part_files(self, stage: str, dataset: str, split: str) -> list[str]:
        """Files of all parts of a split, of stage ``responses`` or ``rewards``."""
        parts = self.config.responses.parts
        folder = f"{self.results}/{stage}/{dataset}/{split}"
        return [f"{folder}/part-{part:03d}-of-{parts:03d}.parquet" for part in range(parts)]

    def policy_files(self, these: Iterable[Cell]) -> list[str]:
        """Summaries of the policies of cells, each once."""
        paths = dict.fromkeys(cell.policy_path for cell in these)
        return [f"{self.results}/policies/{path}/training.json" for path in paths]

    def source_files(self, dataset: str) -> list[str]:
        """Local files of a data set; those that are missing are reported by the stage."""
        source = self.config.datasets[dataset].source
        if not isinstance(source, FileSource):
            return []
        globs = [glob for patterns in source.files.values() for glob in patterns]
        try:
            return [str(path) for path in matching_files(globs)]
        except UserError:
            return []

    def evaluation_files(self, these: Iterable[Cell], name: str = "evaluation.json") -> list[str]:
        """A file of the evaluations of cells and of the SFT model on the same test sets."""
        paths = [path for cell in these for path in (cell.evaluation_path, cell.baseline_path)]
        return [f"{self.results}/evaluations/{path}/{name}" for path in dict.fromkeys(paths)]

    def samples_files(self, cell: str, evaluated_on: str, asked: Iterable[str]) -> list[str]:
        """The job that draws a policy's samples together with others'; see ``Batches``.

        What an evaluation that exists has waited for stays the same, whatever is asked for.
        """
        drawn = self._batches.batch_of(cell, evaluated_on)
        if drawn is None:
            return []
        summary = Path(f"{self.results}/samples/{evaluated_on}/{drawn}.json")
        evaluation = Path(f"{self.results}/evaluations/{evaluated_on}/{cell}/evaluation.json")
        if evaluation.exists():
            waits = summary.exists() and summary.stat().st_mtime <= evaluation.stat().st_mtime
        else:
            waits = self._batches.is_whole((evaluated_on, drawn), map(str, asked))
        return [str(summary)] if waits else []

    def ready_files(self, evaluated_on: str, cell: str) -> list[str]:
        """What an evaluation waits for where vLLM samples; none where each samples by itself."""
        if self.config.evaluation.backend != "vllm":
            return []
        return [f"{self.results}/samples/{evaluated_on}/ready/{cell}"]

    def sampled_policies(self, evaluated_on: str, experiment: str) -> list[str]:
        """Summaries of the policies that one job samples from."""
        return self.policy_files(self._batches.job(evaluated_on, experiment).cells)

    @cached_property
    def _batches(self) -> Batches:
        return Batches(self.config, Path(self.results), self.table_cells)

    @property
    def judge_files(self) -> list[str]:
        """Weights of the judge where it is one of the models that are trained here."""
        server = self.config.judge and self.config.judge.server
        path = server.model.path if server else None
        served = [part for part in PARTS if self.stages.source(part).path == path]
        return [file for part in served for file in self.model_files(part)]

    @property
    def judge_gpus(self) -> int:
        """GPUs of the judge's server; none where another machine, or nobody, is asked."""
        server = self.config.judge and self.config.judge.server
        return server.engine.gpus if server else 0

    @property
    def cards_job(self) -> CardsJob:
        """What model cards and data cards say of the grid."""
        cells = self.grid
        names = dict.fromkeys(name for c in cells for name in (c.trained_on, c.evaluated_on))
        return CardsJob(
            cells=cells,
            datasets={name: self.config.datasets[name] for name in names},
            generator=self.stages.source("generator"),
            annotator=self.stages.source("annotator"),
            statistics=self.config.statistics,
        )

    def judged_samples(self, evaluated_on: str) -> dict[str, str]:
        """Samples files of the judged policies on a data set, by policy; the SFT model first."""
        paths = {"sft": f"{evaluated_on}/sft"}
        paths |= {
            c.policy_path: c.evaluation_path for c in self.judged if c.evaluated_on == evaluated_on
        }
        return {
            label: f"{self.results}/evaluations/{path}/samples.parquet"
            for label, path in paths.items()
        }

    @cached_property
    def study(self) -> StudyFiles:
        """Files of the human study."""
        return StudyFiles(self.config, self.results)

    def table_files(self, table: str) -> list[str]:
        """What a table reads: costs of its cells' policies, records, or judgements.

        Each file is named, so that one which was damaged, and moved aside, is made again.
        """
        these = self.table_cells(table)
        records = find_layout(table).records
        if records == "policies":
            return self.policy_files(these)
        if records == "judge":
            return self._judge_files(these)
        if records == "study":
            return [*self.study.packets, *self.study.ratings]
        files = self.evaluation_files(these, "records.parquet")
        return [*files, *(self.trajectory_files(these) if records == "margins" else ())]

    @property
    def tracking(self) -> TrackSettings:
        """The experiments by which the store shows runs."""
        named = self.config.experiments.items()
        shown = [TrackedExperiment(name=name, axes=experiment) for name, experiment in named]
        return TrackSettings(data_sets=list(self.config.datasets), experiments=shown)

    def trajectory_files(self, these: Iterable[Cell]) -> list[str]:
        """Trajectories of those of the cells' policies that are followed, each once."""
        folder = f"{self.results}/trajectories"
        return [f"{folder}/{path}/trajectory.parquet" for path in self.followed(these)]

    def figure_files(self, figure: str) -> list[str]:
        """What a figure reads, each file once; trajectories only where there are some."""
        these = self.figure_cells(figure)
        found = {
            "evaluations": lambda: self.evaluation_files(these, "records.parquet"),
            "policies": lambda: self.policy_files(these),
            "judge": lambda: self._judge_files(these),
            "plans": lambda: self._plan_files(these),
            "trajectories": lambda: self.trajectory_files(these),
        }
        return [file for records in find_figure(figure).reads for file in found[records]()]

    @property
    def drawn_files(self) -> list[str]:
        """PDF, PNG and CSV of every figure of the config."""
        kinds = ("pdf", "png", "csv")
        names = self.config.figures
        return [f"{self.results}/figures/{name}.{kind}" for name in names for kind in kinds]

    def _judge_files(self, these: Iterable[Cell]) -> list[str]:
        """Scores of the judge on the test sets of these cells."""
        sets = dict.fromkeys(cell.evaluated_on for cell in these)
        files = ("scores.parquet", "summary.json")
        return [f"{self.results}/judge/{name}/{file}" for name in sets for file in files]

    def _plan_files(self, these: Iterable[Cell]) -> list[str]:
        """Training plans of these cells, each once."""
        plans = (f"{c.trained_on}/{c.method}/n{c.responses}-s{c.seed}" for c in these)
        return [f"{self.results}/plans/{plan}/plan.parquet" for plan in dict.fromkeys(plans)]

    @property
    def report_files(self) -> list[str]:
        """The report; as PDF, too, where LaTeX is installed."""
        kinds = ("tex",) if missing_files() else ("tex", "pdf")
        return [f"{self.results}/report/report.{kind}" for kind in kinds]

    @property
    def theory_files(self) -> list[str]:
        """Simulations of the theorems, where the config asks for them."""
        names = TABLES if self.config.theory else ()
        return [f"{self.results}/theory/{name}.csv" for name in names]

    def theory_pictures(self, kind: str) -> list[str]:
        """Figures of the theorems, as files with this suffix, where the config asks for them."""
        names = THEOREMS if self.config.theory else ()
        return [f"{self.results}/theory/{name}.{kind}" for name in names]

    @property
    def weights_name(self) -> str:
        """File of a policy's weights."""
        return self.config.training.weights_name

    def table_job(self, table: str) -> TableJob:
        """What a table shows: its cells, and why they may not stand beside the paper's."""
        these = self.table_cells(table)
        reasons = [incomparable(self.config, cell) for cell in these]
        return TableJob(
            cells=these,
            followed=self.followed(these) if find_layout(table).records == "margins" else [],
            incomparable=reasons,
            samples=self.config.evaluation.samples,
            statistics=self.config.statistics,
        )

    def figure_job(self, figure: str) -> FigureJob:
        """What a figure shows: its cells."""
        these = self.figure_cells(figure)
        return FigureJob(
            cells=these, followed=self.followed(these), statistics=self.config.statistics
        )

    @cached_property
    def comparison(self) -> ComparisonJob:
        """What is compared with the paper."""
        return comparison_job(self.config, self.grid, self.judged)

    @property
    def comparison_files(self) -> list[str]:
        """Records that the comparison with the paper reads."""
        files = [f"{self.results}/{file}" for file in comparison_files(self.comparison)]
        if any(place.group == ALL_SETS for place in self.comparison.measured):
            files += [*self.study.packets, *self.study.ratings]
        return files
