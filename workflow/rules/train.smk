# Policies. Checkpoints lie in <results>/checkpoints, which no rule declares, so that a retry
# finds them.
#
# IN   plan, reference
# OUT  <results>/policies/{dataset}/{reward}-{method}/n{responses}-b{beta}-s{seed}/,
#      <results>/snapshots/… if the config asks for some


rule train:
    """Train one policy."""
    input:
        settings="<results>/settings/train/{reward}-{method}.json",
        plan=rules.plan.output.plan,
        reference=rules.reference.output.reference,
        model=suite.model_files("policy"),
    output:
        weights=f"<results>/policies/{{dataset}}/{CELL}/{suite.weights_name}",
        summary=f"<results>/policies/{{dataset}}/{CELL}/training.json",
        snapshots=(
            [directory(f"<results>/snapshots/{{dataset}}/{CELL}")]
            if suite.config.training.snapshots
            else []
        ),
    log:
        f"<results>/logs/train/{{dataset}}/{CELL}.log",
    benchmark:
        f"<results>/benchmarks/train/{{dataset}}/{CELL}.jsonl"
    conda:
        "../envs/hps-bench.yaml"
    resources:
        gpu=1,
        gpu_model=gpu_model,
    params:
        code=lambda wildcards: suite.train_code(wildcards.reward, wildcards.method),
        execution=suite.execution_file,
        results=subpath(output.summary, ancestor=5),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench --threads {threads} train \
            --settings {input.settings:q} \
            --execution {params.execution:q} \
            --processes {resources.gpu} \
            --plan {input.plan:q} \
            --reference {input.reference:q} \
            --reward {wildcards.reward} --method {wildcards.method} \
            --dataset {wildcards.dataset} --responses {wildcards.responses} \
            --beta {wildcards.beta} --seed {wildcards.seed} \
            --results {params.results:q}
        """
