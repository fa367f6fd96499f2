"""How many seeds an interval of a given width, or a difference of a given size, needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hps_bench.statistics.resampling import Array
from hps_bench.statistics.variance import VarianceComponents

MOST_SEEDS = 1000
"""Most seeds that are tried."""

_TRIED = np.arange(2, MOST_SEEDS + 1)


def half_width(components: VarianceComponents, seeds: ArrayLike, level: float = 0.95) -> Array:
    """Half the width of the t interval of the mean over this many seeds and the same prompts."""
    from scipy.stats import t

    quantile = t.ppf((1 + level) / 2, components.degrees_of_freedom(seeds))
    return np.asarray(np.nan_to_num(quantile) * components.standard_error(seeds))


def seeds_to_narrow(
    components: VarianceComponents, width: float, level: float = 0.95
) -> int | None:
    """Fewest seeds, at least 2, for which the half-width is at most ``width``.

    Returns:
        None where ``MOST_SEEDS`` are too few; often none are enough, because prompts vary, too.
    """
    return _fewest(half_width(components, _TRIED, level) <= width)


def seeds_to_detect(
    components: VarianceComponents, difference: float, level: float = 0.95, power: float = 0.8
) -> int | None:
    """Fewest seeds, at least 2, that find a difference with this power.

    By the two-sided t test at 1 − level, whose statistic is noncentral t where the difference
    exists.

    Returns:
        None where ``MOST_SEEDS`` are too few.
    """
    from scipy.stats import nct, t

    freedom = components.degrees_of_freedom(_TRIED)
    error = components.standard_error(_TRIED)
    if not error.any():
        return 2 if difference else None
    critical = t.ppf((1 + level) / 2, freedom)
    shift = abs(difference) / error
    # scipy has NaN where nearly all of the distribution is on one side.
    near = np.nan_to_num(nct.sf(critical, freedom, shift), nan=1.0)
    far = np.nan_to_num(nct.cdf(-critical, freedom, shift), nan=0.0)
    return _fewest(near + far >= power)


def _fewest(enough: NDArray[np.bool_]) -> int | None:
    return int(_TRIED[enough.argmax()]) if enough.any() else None
