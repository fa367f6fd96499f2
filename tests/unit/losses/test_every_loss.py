"""What holds for every registered loss, whatever its formula."""

import inspect
from dataclasses import replace
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hps_bench.losses.batch import RankedBatch
from hps_bench.losses.declaration import Form, LossFunction
from hps_bench.losses.registry import LOSSES, function
from tests.unit.losses.batches import ranked, value_and_gradient
from tests.unit.losses.exact import EXACT, Case, evaluate

FORMS: list[tuple[str, Form]] = [
    (name, form)
    for name, loss in LOSSES.items()
    for form in get_args(Form)
    if getattr(loss, form) is not None
]
every_form = pytest.mark.parametrize(("name", "form"), FORMS, ids=map("-".join, FORMS))


def loss_of(name: str, form: Form) -> LossFunction:
    return function(LOSSES[name], form)


def arguments(name: str, beta: float = 0.1) -> dict[str, float]:
    return {"beta": beta, **LOSSES[name].settings}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Ranked lists of up to six responses with h within ±400 and tied rewards among them."""
    size = draw(st.integers(2, 6))

    def numbers(low: float, high: float) -> tuple[float, ...]:
        steps = st.integers(round(low * 64), round(high * 64))
        return tuple(draw(steps) / 64 for _ in range(size))

    winner, *losers = numbers(-400, 0)
    return Case(
        policy=(winner + 1 / 128, *losers),  # off the kink of SLiC's hinge
        reference=numbers(-400, 0),
        lengths=tuple(draw(st.integers(1, 64)) for _ in range(size)),
        rewards=tuple(sorted((float(round(r)) for r in numbers(-3, 3)), reverse=True)),
        weights=tuple(2 ** (w / 100) for w in numbers(-400, 400)[1:]),
        beta=draw(st.sampled_from([0.001, 0.05, 0.1, 1.0, 2.5])),
        settings={},
        mismatched=draw(st.integers(-640, 640)) / 64,
    )


def test_exact_formulas_cover_the_table() -> None:
    assert set(EXACT) == set(FORMS)


@every_form
@settings(max_examples=30, derandomize=True)
@given(drawn=cases())
def test_equals_the_published_formula(name: str, form: Form, drawn: Case) -> None:
    case = replace(drawn, settings=dict(LOSSES[name].settings))
    expected, slopes = evaluate(EXACT[name, form], case)
    call = arguments(name, case.beta)
    (value,), (gradient,) = value_and_gradient(loss_of(name, form), case.batch(), **call)
    assert value == pytest.approx(expected, rel=1e-11, abs=1e-11)
    assert gradient == pytest.approx(slopes, rel=1e-11, abs=1e-11)


@every_form
def test_parameters_are_the_declared_settings(name: str, form: Form) -> None:
    parameters = list(inspect.signature(loss_of(name, form)).parameters.values())
    keywords = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert keywords == {"beta", *LOSSES[name].settings}
    assert [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY] == ["batch"]
    assert all(p.default is p.empty for p in parameters)


LIST = (3.25, -1.5, 12.0, 0.5)
PAIR = (-0.75, 2.0)


def mixed(width: int | None = None) -> RankedBatch:
    """A list of four and a list of two, which is padded with NaN."""
    return ranked(
        LIST,
        PAIR,
        log_weights=[[0.5, -1.0, 2.0], [4.5]],
        lengths=[[9, 4, 7, 5], [3, 8]],
        rewards=[[2.0, 1.0, 1.0, -4.0], [0.5, 0.25]],
        mismatched=[1.5, 0.25],
        width=width,
    )


@every_form
def test_padding_has_no_part(name: str, form: Form) -> None:
    loss, call = loss_of(name, form), arguments(name)
    values, gradients = value_and_gradient(loss, mixed(), **call)
    wider_values, wider_gradients = value_and_gradient(loss, mixed(width=7), **call)
    assert wider_values == pytest.approx(values, rel=1e-14)
    for row, wider in zip(gradients, wider_gradients, strict=True):
        assert wider == pytest.approx([*row, 0.0, 0.0, 0.0], rel=1e-14)
    assert gradients[1][2:] == [0.0, 0.0]


@every_form
def test_reference_model_is_needed_where_declared(name: str, form: Form) -> None:
    batch = mixed()
    shifts = torch.arange(4.0, dtype=torch.float64)
    other = replace(batch, reference_logps=batch.reference_logps + shifts)
    loss, call = loss_of(name, form), arguments(name)
    changed = not torch.equal(loss(batch, **call), loss(other, **call))
    assert changed == LOSSES[name].reference


@every_form
def test_mismatched_responses_are_needed_where_declared(name: str, form: Form) -> None:
    batch = replace(mixed(), mismatched_log_ratios=None)
    if LOSSES[name].mismatched:
        with pytest.raises(ValueError, match="responses to other prompts"):
            loss_of(name, form)(batch, **arguments(name))
    else:
        assert loss_of(name, form)(batch, **arguments(name)).shape == (2,)


@every_form
def test_lists_do_not_touch_each_other(name: str, form: Form) -> None:
    alone = ranked(
        PAIR, log_weights=[[4.5]], lengths=[[3, 8]], rewards=[[0.5, 0.25]], mismatched=[0.875]
    )
    loss, call = loss_of(name, form), arguments(name)
    (value,), (gradient,) = value_and_gradient(loss, alone, **call)
    values, gradients = value_and_gradient(loss, mixed(), **call)
    assert values[1] == pytest.approx(value, rel=1e-14)
    assert gradients[1][:2] == pytest.approx(gradient, rel=1e-14)


@every_form
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("beta", [0.001, 0.1, 2.5])
def test_extremes_stay_finite(name: str, form: Form, dtype: torch.dtype, beta: float) -> None:
    falling = [400.0 - 8 * place for place in range(100)]
    tied = [0.0] * 100
    batch = ranked(
        falling,
        falling[::-1],
        tied,
        [400.0, -400.0],
        [-400.0, 400.0],
        [-400.0] * 50,
        rewards=[tied, falling, tied, [60.0, -60.0], [0.0, 0.0], [1.0] * 50],
        mismatched=[-400.0, 400.0, 0.0, 0.0, 0.0, 0.0],
        dtype=dtype,
    )
    losses = loss_of(name, form)(batch, **arguments(name, beta))
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        (gradient,) = torch.autograd.grad(losses.sum(), batch.policy_logps)
    assert losses.dtype is dtype
    assert losses.isfinite().all()
    assert gradient.isfinite().all()
    assert (gradient[~batch.mask] == 0).all()


@pytest.mark.parametrize("name", [name for name, form in FORMS if form == "ranking"])
@given(winner=st.floats(-400, 400), loser=st.floats(-400, 400), beta=st.floats(0.001, 2.5))
@settings(max_examples=50, derandomize=True)
def test_methods_coincide_for_two_responses(
    name: str, winner: float, loser: float, beta: float
) -> None:
    call = arguments(name, beta)
    compared = value_and_gradient(
        loss_of(name, "comparison"), ranked((winner, loser), width=3), **call
    )
    rank = value_and_gradient(loss_of(name, "ranking"), ranked((winner, loser), width=3), **call)
    assert compared[0] == pytest.approx(rank[0], rel=1e-12, abs=1e-12)
    assert compared[1][0] == pytest.approx(rank[1][0], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"pro"}))  # PRO ranks by column
@given(order=st.permutations([1, 2, 3]))
@settings(max_examples=6, derandomize=True)
def test_order_of_losers_does_not_matter(name: str, order: list[int]) -> None:
    weights, lengths, rewards = (0.5, -1.0, 2.0), (9, 4, 7, 5), (3.0, 2.0, 1.0, -4.0)

    def batch(places: list[int]) -> RankedBatch:
        return ranked(
            [LIST[place] for place in places],
            log_weights=[[weights[place - 1] for place in places[1:]]],
            lengths=[[lengths[place] for place in places]],
            rewards=[[rewards[place] for place in places]],
            mismatched=[0.5],
        )

    loss, call = loss_of(name, "comparison"), arguments(name)
    values, (gradient,) = value_and_gradient(loss, batch([0, 1, 2, 3]), **call)
    permuted, (moved,) = value_and_gradient(loss, batch([0, *order]), **call)
    assert permuted == pytest.approx(values, rel=1e-13)
    assert moved == pytest.approx([gradient[place] for place in [0, *order]], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "form"),
    [pair for pair in FORMS if pair[0] not in ("sppo", "nca", "kto", "slic", "pro")],
)
@given(shift=st.integers(-300, 300))
@settings(max_examples=20, derandomize=True)
def test_margins_ignore_a_common_shift(name: str, form: Form, shift: int) -> None:
    """Such a shift is −log Z(x) of Eq. 3: a reward of margins must not see it."""
    loss, call = loss_of(name, form), arguments(name)
    weights = [[0.5, -1.0, 2.0]]
    values, gradients = value_and_gradient(loss, ranked(LIST, log_weights=weights), **call)
    shifted = ranked([h + shift for h in LIST], log_weights=weights)
    moved, moved_gradients = value_and_gradient(loss, shifted, **call)
    assert moved == pytest.approx(values, rel=1e-12)
    assert moved_gradients[0] == pytest.approx(gradients[0], rel=1e-12)
    assert sum(gradients[0]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", ["ipo", "ipo-token-mean", "sppo", "kto", "slic"])
def test_common_weight_cancels_where_losses_add_up(name: str) -> None:
    """Additive losses take a mean over losers: N of Eq. 8 has no meaning for them."""
    loss, call = loss_of(name, "comparison"), arguments(name)
    once = ranked(LIST, log_weights=[[0.5, -1.0, 2.0]], mismatched=[0.5])
    often = ranked(LIST, log_weights=[[5.0, 3.5, 6.5]], mismatched=[0.5])
    assert value_and_gradient(loss, often, **call)[0] == pytest.approx(
        value_and_gradient(loss, once, **call)[0], rel=1e-13
    )
