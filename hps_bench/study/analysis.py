"""What the ratings of a study say: means, agreement, win rates, tests, and its raters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hps_bench.seeding import numpy_generator
from hps_bench.study.agreement import Agreement, agreement
from hps_bench.study.checks import Drift, RaterReport, mean_drift, rater_reports
from hps_bench.study.criteria import OVERALL, SCORES
from hps_bench.study.mixed_model import MixedModel, fit_mixed_model
from hps_bench.study.rates import MeanScore, WinRate, mean_score, win_rates
from hps_bench.study.ratings import RatedStudy, score_matrix
from hps_bench.tables.settings import TableSettings


@dataclass(frozen=True)
class Findings:
    """What the ratings of some raters say.

    Attributes:
        raters: names.
        means: by policy and score; what nobody was asked for, or gave, is None.
        agreement: by score.
        win_rates: of every two policies.
        model: of the overall score; None where it cannot be estimated.
    """

    raters: Sequence[str]
    means: Mapping[str, Mapping[str, MeanScore | None]]
    agreement: Mapping[str, Agreement | None]
    win_rates: Sequence[WinRate]
    model: MixedModel | None


@dataclass(frozen=True)
class Analysis:
    """What the ratings of a study say, and what can be said against them.

    Attributes:
        study: name of the study.
        digest: of its assignment.
        simulated: whether some raters are programs.
        asked: raters of the assignment.
        items: rated prompts.
        statistics: of the intervals.
        everyone: findings from all raters who submitted.
        passing: from those who fail no check; None where these are all, or nobody.
        raters: each rater of the assignment.
        drift: mean of their drifts.
    """

    study: str
    digest: str
    simulated: bool
    asked: int
    items: int
    statistics: TableSettings
    everyone: Findings
    passing: Findings | None
    raters: Sequence[RaterReport]
    drift: Drift | None


def analyse(study: RatedStudy, settings: TableSettings) -> Analysis:
    """Analyse submitted ratings, of which there is at least one."""
    reports = rater_reports(study)
    failing = [report.rater for report in reports if report.reasons]
    passing = study.without(failing)
    return Analysis(
        study=study.assignment.study,
        digest=study.assignment.digest,
        simulated=study.simulated,
        asked=len(study.assignment.raters),
        items=study.scored["item"].nunique(),
        statistics=settings,
        everyone=_findings(study, settings),
        passing=_findings(passing, settings) if failing and passing.raters else None,
        raters=reports,
        drift=mean_drift(reports, settings.level),
    )


def _findings(study: RatedStudy, settings: TableSettings) -> Findings:
    ratings, policies = study.scored, study.key.policies
    overall = ratings.rename(columns={OVERALL: "score"})
    return Findings(
        raters=study.raters,
        means={
            policy: {score: mean_score(ratings, policy, score, settings) for score in SCORES}
            for policy in policies
        },
        agreement={score: _agreement(study, score, settings) for score in SCORES},
        win_rates=win_rates(ratings, policies, settings),
        model=fit_mixed_model(overall, policies, settings.level),
    )


def _agreement(study: RatedStudy, score: str, settings: TableSettings) -> Agreement | None:
    matrix = score_matrix(study.scored, score)
    return agreement(
        matrix.to_numpy(dtype=float),
        matrix.columns.get_level_values("item").to_numpy(),
        numpy_generator(settings.seed, "study", "agreement", score),
        settings.level,
        settings.resamples,
    )
