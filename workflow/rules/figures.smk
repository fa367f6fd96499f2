# Figures: views over the records.
#
# IN   training curves, evaluations, judgements, plans, trajectories of the figure's experiments
# OUT  <results>/figures/{figure}.pdf, .png, and .csv of what is drawn


rule figure:
    """Draw one figure, and write what it shows as CSV."""
    input:
        settings="<results>/settings/figures/{figure}.json",
        records=lambda wildcards: suite.figure_files(wildcards.figure),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels=lambda wildcards: {"figure": find_figure(wildcards.figure).title},
        ),
        csv="<results>/figures/{figure}.csv",
    log:
        "<results>/logs/figures/{figure}.log",
    benchmark:
        "<results>/benchmarks/figures/{figure}.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("figure"),
        caption=lambda wildcards: find_figure(wildcards.figure).caption,
        folder=subpath(output.csv, parent=True),
        results=subpath(output.csv, ancestor=2),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench figure \
            --settings {input.settings:q} \
            --figure {wildcards.figure} \
            --results {params.results:q} \
            --output {params.folder:q}
        """
