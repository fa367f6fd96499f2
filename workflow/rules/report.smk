# The report: what was run, every table and figure, and the paper beside it.
#
# IN   tables and figures of the config, the comparison with the paper, evaluations of the grid
# OUT  <results>/report/report.tex; report.pdf, where LaTeX is installed


rule report:
    """Write the report, and typeset it where LaTeX is installed."""
    input:
        settings="<results>/settings/report.json",
        evaluations=suite.evaluation_files(suite.grid),
        tables=expand("<results>/tables/{table}.tex", table=suite.config.tables),
        study=suite.study.analysis,
        theory=suite.theory_pictures("pdf"),
        figures=expand("<results>/figures/{figure}.pdf", figure=suite.config.figures),
        comparisons=expand(
            "<results>/paper_comparison/{name}.tex",
            name=("claims", "values", "consistency"),
        ),
    output:
        suite.report_files,
    log:
        "<results>/logs/report.log",
    benchmark:
        "<results>/benchmarks/report.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("report"),
        folder=subpath(output[0], parent=True),
        results=subpath(output[0], ancestor=2),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench report \
            --settings {input.settings:q} \
            --results {params.results:q} \
            --output {params.folder:q}
        """
