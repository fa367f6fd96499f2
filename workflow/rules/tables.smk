# Tables: views over the records.
#
# IN   evaluations, or training costs, of the cells of one experiment
# OUT  <results>/tables/{table}.csv, .tex, .html


rule table:
    """Write one table as CSV, LaTeX and HTML."""
    input:
        settings="<results>/settings/tables/{table}.json",
        cells=lambda wildcards: suite.table_files(wildcards.table),
    output:
        csv="<results>/tables/{table}.csv",
        tex="<results>/tables/{table}.tex",
        html=report(
            "<results>/tables/{table}.html",
            caption="../report/table.rst",
            category="Tables",
            labels=lambda wildcards: {"table": find_layout(wildcards.table).title},
        ),
    log:
        "<results>/logs/tables/{table}.log",
    benchmark:
        "<results>/benchmarks/tables/{table}.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("table"),
        folder=subpath(output.csv, parent=True),
        results=subpath(output.csv, ancestor=2),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench table \
            --settings {input.settings:q} \
            --table {wildcards.table} \
            --results {params.results:q} \
            --output {params.folder:q}
        """
