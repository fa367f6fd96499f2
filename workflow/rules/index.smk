# The page that shows all results, to be opened first.
#
# IN   evaluations of the grid with their samples, tables, figures, the
#      comparison with the paper, the report
# OUT  <results>/index.html


rule index:
    """Write one page of everything that came out."""
    input:
        settings="<results>/settings/index.json",
        evaluations=suite.evaluation_files(suite.grid),
        samples=suite.evaluation_files(suite.grid, "samples.parquet"),
        tables=expand("<results>/tables/{table}.html", table=suite.config.tables),
        study=suite.study.analysis,
        theory=suite.theory_pictures("png"),
        figures=suite.drawn_files,
        comparisons=rules.paper_comparison.output.pages,
        report=suite.report_files,
    output:
        page=report(
            "<results>/index.html",
            caption="../report/index.rst",
            category="Everything on one page",
            labels={"page": "all results of this config"},
        ),
    log:
        "<results>/logs/index.log",
    benchmark:
        "<results>/benchmarks/index.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("index"),
        results=subpath(output.page, parent=True),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench index \
            --settings {input.settings:q} \
            --results {params.results:q} \
            --output {output.page:q}
        """
