# The paper beside ours: its figures, its claims, and whether its tables are consistent.
#
# IN   records of the cells where the paper has a figure; none where the config is not the paper's
# OUT  <results>/paper_comparison/{values,claims,consistency}.csv, .tex, .html


rule paper_comparison:
    """Compare the paper's figures and claims with ours, and its tables with themselves."""
    input:
        settings="<results>/settings/paper_comparison.json",
        records=suite.comparison_files,
    output:
        claims="<results>/paper_comparison/claims.csv",
        figures="<results>/paper_comparison/values.csv",
        findings="<results>/paper_comparison/consistency.csv",
        tex=expand("<results>/paper_comparison/{name}.tex", name=COMPARISONS),
        pages=[
            report(
                f"<results>/paper_comparison/{name}.html",
                caption="../report/paper_comparison.rst",
                category="The paper beside ours",
                labels={"comparison": title},
            )
            for name, title in COMPARISONS.items()
        ],
    log:
        "<results>/logs/paper_comparison.log",
    benchmark:
        "<results>/benchmarks/paper_comparison.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("paper_comparison"),
        folder=subpath(output.claims, parent=True),
        results=subpath(output.claims, ancestor=2),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench compare-paper \
            --settings {input.settings:q} \
            --results {params.results:q} \
            --output {params.folder:q}
        """
