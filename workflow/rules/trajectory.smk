# Trajectories: policies at equal parts of their training, on human test pairs.
#
# IN   a policy and its snapshots; prompts and reference of the test split of its data set
# OUT  <results>/trajectories/{dataset}/{reward}-{method}/…/trajectory.parquet


rule trajectory:
    """Follow a policy through its training."""
    input:
        settings="<results>/settings/trajectory.json",
        prompts="<results>/prompts/{dataset}/prompts.parquet",
        reference="<results>/reference/{dataset}/test.parquet",
        policy=rules.train.output.summary,
        snapshots=rules.train.output.snapshots,
    output:
        trajectory=f"<results>/trajectories/{{dataset}}/{CELL}/trajectory.parquet",
    log:
        f"<results>/logs/trajectory/{{dataset}}/{CELL}.log",
    benchmark:
        f"<results>/benchmarks/trajectory/{{dataset}}/{CELL}.jsonl"
    conda:
        "../envs/hps-bench.yaml"
    resources:
        gpu=1,
        gpu_model=gpu_model,
    params:
        code=suite.code("trajectory"),
        results=subpath(output.trajectory, ancestor=5),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench --threads {threads} trajectory \
            --settings {input.settings:q} \
            --prompts {input.prompts:q} \
            --reference {input.reference:q} \
            --reward {wildcards.reward} --method {wildcards.method} \
            --dataset {wildcards.dataset} --responses {wildcards.responses} \
            --beta {wildcards.beta} --seed {wildcards.seed} \
            --results {params.results:q}
        """
