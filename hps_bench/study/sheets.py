"""Pages of a study's analysis: agreement and tests, and every rater."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from hps_bench.paper_comparison.sheets import Block, Cell, Heading, Sheet, sheet
from hps_bench.study.analysis import Analysis, Findings
from hps_bench.study.checks import FASTEST_READING, RaterReport
from hps_bench.study.criteria import OVERALL, SCORES
from hps_bench.study.mixed_model import Difference
from hps_bench.study.rates import MeanScore
from hps_bench.study.ratings import SIMULATED_NOTE
from hps_bench.study.titles import AGREEMENT, RATERS, TITLES, shown_title
from hps_bench.tables.display import number_text, p_text
from hps_bench.tables.layout import policy_title
from hps_bench.tables.table import BASELINE

_TASKS = 10
"""Tasks by which a drift is told."""


class _Bounded(Protocol):
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def agreement_sheet(found: Analysis) -> Sheet:
    """How far raters agree, and what follows for the policies, with and without failing raters."""
    both = {"all raters": found.everyone}
    if found.passing:
        both["raters who pass"] = found.passing
    blocks = [
        _agreement(both),
        _means(both),
        _differences(both),
        *(_wins(name, findings) for name, findings in both.items()),
        _variances(both),
    ]
    return sheet(
        shown_title(TITLES[AGREEMENT], found.simulated), blocks, list(_agreement_notes(found))
    )


def raters_sheet(found: Analysis) -> Sheet:
    """One row per rater."""
    shares = (0.11, 0.12, 0.07, 0.07, 0.09, 0.14, 0.2)
    names = ("Rater", "Rated", "Mean", "ρ", "Time, s", "Drift, 10 tasks", "Fails")
    headings = tuple(Heading(name, share) for name, share in zip(names, shares, strict=True))
    block = Block("Raters", headings, tuple(map(_rater_row, found.raters)))
    return sheet(shown_title(TITLES[RATERS], found.simulated), [block], _rater_notes(found))


def _title(policy: str) -> str:
    if policy == BASELINE.method:
        return BASELINE.title
    reward, _, method = policy.partition("-")
    return policy_title(reward, method)


def _agreement(both: Mapping[str, Findings]) -> Block:
    rows = [((score.title(),), *(_alpha(of, score) for of in both.values())) for score in SCORES]
    return _compared("Krippendorff's α, ordinal", both, rows)


def _alpha(of: Findings, score: str) -> Cell:
    found = of.agreement[score]
    if found is None:
        return ("–",)
    return (
        number_text(found.alpha, 3),
        f"{_bounds(found, 3)}, {found.units} responses",
    )


def _means(both: Mapping[str, Findings]) -> Block:
    policies = next(iter(both.values())).means
    rows = [
        ((_title(policy),), *(_mean(of.means[policy][OVERALL]) for of in both.values()))
        for policy in policies
    ]
    return _compared("Overall score", both, rows)


def _mean(of: MeanScore | None) -> Cell:
    return (number_text(of.mean, 2), _bounds(of, 2)) if of else ("–",)


def _compared(caption: str, names: Collection[str], rows: Sequence[tuple[Cell, ...]]) -> Block:
    width = 0.6 / len(names)
    headings = (Heading("", 0.3), *(Heading(name.capitalize(), width) for name in names))
    return Block(caption, headings, tuple(rows))


def _differences(both: Mapping[str, Findings]) -> Block:
    by_pair = [
        {(of.first, of.second): of for of in (findings.model.differences if findings.model else ())}
        for findings in both.values()
    ]
    rows = [
        (
            (f"{_title(pair[0])} less {_title(pair[1])}",),
            *(_difference(of.get(pair)) for of in by_pair),
        )
        for pair in by_pair[0]
    ]
    return _compared("Differences of the overall score (mixed model)", both, rows)


def _difference(of: Difference | None) -> Cell:
    if of is None:
        return ("–",)
    bounds = f"{_bounds(of.estimate, 2)}, p {_p_clause(of.p)}"
    return number_text(of.estimate.value, 2), bounds


def _wins(raters: str, findings: Findings) -> Block:
    names = (("", 0.27), ("Win, %", 0.14), ("Lose, %", 0.14), ("Tie, %", 0.14))
    headings = tuple(Heading(*name) for name in (*names, ("p, sign", 0.07), ("p, rank", 0.07)))
    rows = [
        (
            (f"{_title(of.first)} vs. {_title(of.second)}",),
            *(
                (number_text(share.mean, 1), _bounds(share, 1))
                for share in (of.shares.win, of.shares.lose, of.shares.tie)
            ),
            (p_text(of.p_sign),),
            (p_text(of.p_signed_rank),),
        )
        for of in findings.win_rates
    ]
    return Block(f"Win rates, {raters}", headings, tuple(rows))


def _variances(both: Mapping[str, Findings]) -> Block:
    models = [of.model for of in both.values()]
    rows = [
        (
            (source.title(),),
            *((number_text(of.variances[source], 3),) if of else ("–",) for of in models),
        )
        for source in ("rater", "item", "response", "residual")
        if any(models)
    ]
    return _compared("Variance of the overall score", both, rows)


def _bounds(of: _Bounded, decimals: int, times: float = 1) -> str:
    return f"[{number_text(times * of.low, decimals)}, {number_text(times * of.high, decimals)}]"


def _rater_row(of: RaterReport) -> tuple[Cell, ...]:
    drift = (
        (number_text(_TASKS * of.drift.slope, 2), _bounds(of.drift, 2, _TASKS))
        if of.drift
        else ("–",)
    )
    return (
        (of.rater,),
        (f"{of.rated} of {of.responses}",),
        _optional(of.mean, 2),
        _optional(of.correlation, 2),
        _optional(of.median_seconds, 0),
        drift,
        ("; ".join(of.reasons) or "nothing",),
    )


def _optional(value: float | None, decimals: int) -> Cell:
    return ("–",) if value is None else (number_text(value, decimals),)


def _agreement_notes(found: Analysis) -> Iterator[str]:
    per_cent = f"{100 * found.statistics.level:g} %"
    if found.simulated:
        yield SIMULATED_NOTE
    yield (
        f"{len(found.everyone.raters)} of {found.asked} raters submitted ratings of {found.items} "
        "prompts."
    )
    yield (
        "Krippendorff's α for ordinal scores: a unit is a response, and 1 is full agreement, 0 "
        f"that of chance. {per_cent} interval: bootstrap over prompts with all of their responses."
    )
    yield (
        f"Overall score: mean with its {per_cent} interval, bootstrap over raters and prompts. "
        "Win rates: the overall scores of a response are averaged over raters and compared prompt "
        f"by prompt (Appendix D.2.1); {per_cent} interval over prompts; sign test and Wilcoxon's "
        "signed-rank test over prompts, after Holm over all pairs."
    )
    yield from _model_notes(found, per_cent)
    if found.passing:
        failing = len(found.everyone.raters) - len(found.passing.raters)
        yield f"Raters who pass: without {failing} who fail a check; see the table of raters."


def _model_notes(found: Analysis, per_cent: str) -> Iterator[str]:
    model = found.everyone.model
    if model is None:
        yield "The mixed model cannot be estimated from these ratings."
        return
    yield (
        "Mixed model of the overall score: policy fixed; rater, prompt and response random "
        "(restricted maximum likelihood). A response is a policy's answer to a prompt: without "
        f"its own term, its raters would count as so many answers. {per_cent} Wald intervals; p by "
        "Wald tests, after Holm over all pairs. That all policies are equal: "
        f"p {_p_clause(model.p)}."
    )
    if not all(of.model.converged for of in (found.everyone, found.passing) if of and of.model):
        yield "The optimiser of a mixed model did not converge: take its numbers with care."


def _p_clause(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _rater_notes(found: Analysis) -> list[str]:
    notes = [SIMULATED_NOTE] if found.simulated else []
    notes += [
        "ρ: Spearman's correlation of a rater's overall scores with the mean of the other raters. "
        "Drift: slope of a rater's overall score less that mean over the tasks as the rater met "
        "them, with its 95 % interval; points in ten tasks.",
        "A rater fails who gives other scores than an attention check asks for, takes less time "
        f"than reading at {FASTEST_READING:g} characters a second in more than half of the tasks, "
        "or gives every response the same scores. Disagreement and drift are no reasons: without "
        "those raters, the others would agree by construction.",
    ]
    if found.drift:
        slope = f"{number_text(_TASKS * found.drift.slope, 2)} {_bounds(found.drift, 2, _TASKS)}"
        notes.append(
            f"Mean drift: {slope} points in ten tasks, t interval over raters, p "
            f"{_p_clause(found.drift.p)}."
        )
    return notes
