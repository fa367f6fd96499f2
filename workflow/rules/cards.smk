# Cards: a README.md beside every policy and data set, which no rule declares, so that one whose
# records are the same stays as it is, and that a policy's retraining does not wait for its card.
#
# IN   trained policies, their evaluations, data sets
# OUT  <results>/cards.json: how many cards there are


rule cards:
    """Write the model cards of policies and the data cards of data sets."""
    input:
        settings="<results>/settings/cards.json",
        policies=suite.policy_files(suite.grid),
        evaluations=suite.evaluation_files(suite.grid, "records.parquet"),
        prompts=expand(
            "<results>/prompts/{dataset}/summary.json",
            dataset=suite.cards_job.datasets,
        ),
    output:
        summary="<results>/cards.json",
    log:
        "<results>/logs/cards.log",
    benchmark:
        "<results>/benchmarks/cards.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("cards"),
        results=subpath(output.summary, parent=True),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench cards \
            --settings {input.settings:q} \
            --results {params.results:q} \
            --output {output.summary:q}
        """
