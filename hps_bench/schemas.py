"""Schemas of the files that stages exchange: one row per prompt, response or comparison."""

import pyarrow as pa


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


MESSAGE = pa.struct([_required("role", pa.string()), _required("content", pa.string())])

PROMPTS = pa.schema(
    [
        _required("prompt_id", pa.string()),
        _required("split", pa.string()),
        _required("messages", pa.list_(MESSAGE)),
        _required("chosen", pa.string()),
        _required("rejected", pa.string()),
        pa.field("harmful", pa.bool_()),
        _required("location", pa.string()),
    ]
)
"""A prompt (conversation that ends with a user turn) with its human pair.

``harmful``: a label calls one of the two responses unsafe; null without such labels.
"""

RESPONSES = pa.schema(
    [
        _required("prompt_id", pa.string()),
        _required("sample_index", pa.int32()),
        _required("response_id", pa.string()),
        _required("text", pa.string()),
        _required("token_count", pa.int32()),
        _required("finish_reason", pa.string()),
        _required("origin", pa.string()),
        _required("distinct", pa.bool_()),
    ]
)
"""Samples of a prompt, by index; ``distinct`` marks the first of equal texts."""

REWARDS = pa.schema(
    [
        _required("prompt_id", pa.string()),
        _required("sample_index", pa.int32()),
        _required("response_id", pa.string()),
        _required("distinct", pa.bool_()),
        _required("reward", pa.float64()),
        pa.field("objectives", pa.list_(pa.float64())),
        pa.field("score", pa.float64()),
    ]
)
"""Estimated reward r_est of each response.

A reward model of several objectives gives these and their gated score, too; else they are null.
"""

PLAN = pa.schema(
    [
        _required("visit", pa.int64()),
        _required("epoch", pa.int32()),
        pa.field("gamma", pa.float64()),
        _required("prompt_id", pa.string()),
        _required("response_ids", pa.list_(pa.string())),
        _required("ranks", pa.list_(pa.int32())),
        _required("rewards", pa.list_(pa.float64())),
        _required("log_weights", pa.list_(pa.float64())),
        _required("weight", pa.float64()),
    ]
)
"""Comparisons in training order: winner first, then losers with their log-weights.

Rows of one ``visit`` belong to the same draw of a prompt; ``ranks`` count from 1 (best).
"""

REFERENCE = pa.schema(
    [
        _required("prompt_id", pa.string()),
        _required("response_id", pa.string()),
        _required("prompt_token_ids", pa.list_(pa.int32())),
        _required("response_token_ids", pa.list_(pa.int32())),
        _required("length", pa.int32()),
        _required("logp", pa.float64()),
    ]
)
"""Token ids and summed log-probability of a response under the reference model."""

_DRAWN = [
    _required("prompt_id", pa.string()),
    _required("sample_index", pa.int32()),
    _required("text", pa.string()),
    _required("token_count", pa.int32()),
    _required("finish_reason", pa.string()),
]
_SCORED = [*_DRAWN, _required("reward", pa.float64()), pa.field("score", pa.float64())]

DRAWN = pa.schema(_DRAWN)
"""A policy's own samples on test prompts."""

SCORED = pa.schema(_SCORED)
"""The same, scored by the evaluation reward model; ``score`` is its gated score if it has one."""

SAMPLES = pa.schema(
    [
        *_SCORED,
        pa.field("log_ratio", pa.float64()),
        pa.field("true_reward", pa.float64()),
        pa.field("harmful", pa.float64()),
    ]
)
"""The same with what else is known of each sample."""

EVALUATION = pa.schema(
    [
        _required("prompt_id", pa.string()),
        *(
            pa.field(name, pa.float64())
            for name in (
                "bleu_char_nltk",
                "reward_mean",
                "reward_best",
                "score_mean",
                "score_best",
                "rm_dpo",
                "rm_rdpo",
                "margin_hardest",
                "kl_preferred",
                "kl_sampled",
                "log_ratio_chosen",
                "log_ratio_rejected",
                "ranking_accuracy",
                "true_reward",
                "true_reward_best",
                "harmful",
                "response_tokens",
            )
        ),
        pa.field("bleu_statistics", pa.list_(pa.int64())),
    ]
)
"""One record per test prompt; a metric that was not computed for a prompt is null.

``bleu_statistics`` are sacreBLEU's sufficient statistics of one segment:
[sys_len, ref_len, correct 1..4, total 1..4].
"""

TRAJECTORY = pa.schema(
    [
        _required("step", pa.int32()),
        _required("share", pa.float64()),
        _required("prompt_id", pa.string()),
        *(
            _required(name, pa.float64())
            for name in (
                "log_ratio_chosen",
                "log_ratio_rejected",
                "rm_dpo",
                "ranking_accuracy",
                "kl_preferred",
                "gradient_inner",
                "gradient_norm_chosen",
                "gradient_norm_rejected",
            )
        ),
        _required("tokens_chosen", pa.int32()),
        _required("tokens_rejected", pa.int32()),
    ]
)
"""One record per point of training and human test pair, from step 0 to the final policy.

``share`` is the part of training behind the point, 0 to 1. ``gradient_inner`` is
<∇ log π(y_w), ∇ log π(y_l)> over the trainable parameters; divided by the two norms it is the
cosine of gradient entanglement.
"""

JUDGEMENTS = pa.schema(
    [
        _required("policy", pa.string()),
        _required("prompt_id", pa.string()),
        _required("sample_index", pa.int32()),
        _required("repeat", pa.int32()),
        _required("outcome", pa.string()),
        pa.field("correctness", pa.float64()),
        pa.field("helpfulness", pa.float64()),
        pa.field("safety", pa.float64()),
        pa.field("clarity", pa.float64()),
        pa.field("score", pa.float64()),
        _required("asks", pa.int32()),
        _required("response_characters", pa.int32()),
        _required("answer", pa.string()),
    ]
)
"""A judge's scores of a policy's samples; null unless the outcome is ``scored``.

``score`` is the mean of the four; ``repeat`` 1 marks a score asked for again.
"""

JUDGED_PAIRS = pa.schema(
    [
        _required("first_policy", pa.string()),
        _required("second_policy", pa.string()),
        _required("prompt_id", pa.string()),
        _required("sample_index", pa.int32()),
        _required("outcome", pa.string()),
        pa.field("preferred", pa.string()),
        _required("asks", pa.int32()),
        _required("answer", pa.string()),
    ]
)
"""A judge's comparisons (``first``, ``second`` or ``tie``); each pair in both orders."""

RATINGS = pa.schema(
    [
        _required("study", pa.string()),
        _required("rater", pa.string()),
        _required("item", pa.string()),
        _required("response", pa.string()),
        _required("position", pa.int32()),
        _required("task", pa.int32()),
        *(
            pa.field(name, pa.float64())
            for name in ("correctness", "helpfulness", "safety", "clarity", "overall")
        ),
        *(pa.field(name, pa.float64()) for name in ("seconds", "saved_at", "submitted_at")),
        _required("revisions", pa.int32()),
        _required("source", pa.string()),
    ]
)
"""A rater's scores of a response (1.00 to 5.00); null where none was given.

``task`` counts a rater's items and ``position`` the responses on the page, both from 1;
``seconds`` is the time on the item, ``revisions`` how often scores were saved; times are seconds
since 1970 (UTC); ``source`` is ``page``, ``potato`` or ``simulated``.
"""
