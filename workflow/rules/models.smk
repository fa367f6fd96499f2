# Models that are trained here, where the config gives no weights.
#
# IN   <results>/prompts/{dataset}/prompts.parquet of all data sets
# OUT  <results>/models/tokenizer/, <results>/models/{model}/


rule tokenizer:
    """Train the tokenizer of models that are trained here."""
    input:
        settings="<results>/settings/tokenizer.json",
        prompts=expand(
            "<results>/prompts/{dataset}/prompts.parquet",
            dataset=suite.config.datasets,
        ),
    output:
        tokenizer="<results>/models/tokenizer/tokenizer.json",
        config="<results>/models/tokenizer/tokenizer_config.json",
    log:
        "<results>/logs/models/tokenizer.log",
    benchmark:
        "<results>/benchmarks/models/tokenizer.jsonl"
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("tokenizer"),
        prompts=lambda wildcards, input: [f"--prompts {path}" for path in input.prompts],
        folder=subpath(output.tokenizer, parent=True),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench --threads {threads} tokenizer \
            --settings {input.settings:q} \
            {params.prompts} \
            --output {params.folder:q}
        """


rule language_model:
    """Train a tiny language model from scratch (SFT)."""
    input:
        settings="<results>/settings/models/{model}.json",
        tokenizer=rules.tokenizer.output.tokenizer,
        prompts=rules.tokenizer.input.prompts,
    output:
        weights="<results>/models/{model}/model.safetensors",
        summary="<results>/models/{model}/training.json",
    log:
        "<results>/logs/models/{model}.log",
    benchmark:
        "<results>/benchmarks/models/{model}.jsonl"
    wildcard_constraints:
        model=one_of(suite.stages.trained_parts("language-model")),
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("model"),
        prompts=lambda wildcards, input: [f"--prompts {path}" for path in input.prompts],
        tokenizer=subpath(input.tokenizer, parent=True),
        folder=subpath(output.weights, parent=True),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench --threads {threads} model \
            --settings {input.settings:q} \
            --tokenizer {params.tokenizer:q} \
            {params.prompts} \
            --output {params.folder:q}
        """


rule reward_model:
    """Train a tiny reward model from a language model, on human pairs."""
    input:
        settings="<results>/settings/models/{model}.json",
        initial=lambda wildcards: suite.model_files(
            suite.stages.initial_model(wildcards.model)
        ),
        tokenizer=rules.tokenizer.output.tokenizer,
        prompts=rules.tokenizer.input.prompts,
    output:
        weights="<results>/models/{model}/model.safetensors",
        summary="<results>/models/{model}/training.json",
    log:
        "<results>/logs/models/{model}.log",
    benchmark:
        "<results>/benchmarks/models/{model}.jsonl"
    wildcard_constraints:
        model=one_of(suite.stages.trained_parts("preference")),
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("model"),
        prompts=lambda wildcards, input: [f"--prompts {path}" for path in input.prompts],
        tokenizer=subpath(input.tokenizer, parent=True),
        initial=lambda wildcards, input: os.path.dirname(input.initial[0]),
        folder=subpath(output.weights, parent=True),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench --threads {threads} model \
            --settings {input.settings:q} \
            --tokenizer {params.tokenizer:q} \
            --initial {params.initial:q} \
            {params.prompts} \
            --output {params.folder:q}
        """
