"""Figures of the theorems: their names, titles and captions."""

from __future__ import annotations

from hps_bench.figures.catalogue import FigureInfo

_SEEDS = "Bands are 95% t intervals over seeds, cut where they leave a logarithmic axis."


THEOREMS: dict[str, FigureInfo] = {
    figure.name: figure
    for figure in (
        FigureInfo(
            "theorem-1",
            "Theorem 1: estimation error",
            "Error of the estimates of θ in the Σ_D norm against the number of prompts m, and "
            "against the number of responses n at the largest m; rankings from a "
            "Plackett-Luce model of a linear reward, r_est = r*. Grey lines are the bounds "
            "of the theorem with the least constants at which they hold for top-1 (Ψ₁) and "
            f"PL (Ψ₂): compare their shapes, not their heights. {_SEEDS}",
            (),
        ),
        FigureInfo(
            "theorem-2",
            "Theorem 2: the loss as γ grows",
            "Gap between the loss under the hardest distribution (Eq. 12) and the HPS loss "
            "(Eq. 8) at one θ, mean over prompts, against γ. Lines differ in the cosine of "
            "the parameter of r_est with θ; at 1, r_est = r_θ, which the proof assumes. Thin "
            f"lines are the gaps at γ = ∞; grey: the γ > 0 of the paper's schedule. {_SEEDS}",
            (),
        ),
        FigureInfo(
            "theorem-3",
            "Theorem 3: minimisers and maximisers of the margin",
            "Directions of the minimisers among ‖θ‖ ≤ B, as B grows: angle to the direction of "
            "the largest mean margin over prompts, and to that of the largest margin of the "
            "worst prompt; and their own mean margin over the hardest loser at norm 1. Where "
            "a line ends, larger bounds do not bind; a panel is left out where no direction "
            f"ranks all winners first. {_SEEDS}",
            (),
        ),
        FigureInfo(
            "label-noise",
            "Theorem 3 where labels are noisy",
            "Norm and direction of the minimisers among ‖θ‖ ≤ 2‖θ*‖ where rankings come from a "
            "Plackett-Luce model and r_est = r*. Labels are less noisy as ‖θ*‖ grows. A "
            "cosine below 0 is a reward that prefers the worse response; an estimate of norm "
            f"0 has no direction. {_SEEDS}",
            (),
        ),
    )
}
"""Figures by name, in the order in which documents show them."""
