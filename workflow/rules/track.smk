# Runs in MLflow. The store's address comes from the environment alone, so no job depends on it.
#
# IN   evaluations of the grid, tables and whatever else shows all of it
# OUT  <results>/tracking/uploaded.txt


rule track:
    """Upload runs, tables, figures and reports that are new to MLflow."""
    input:
        settings="<results>/settings/track.json",
        evaluations=suite.evaluation_files(suite.grid),
        tables=expand("<results>/tables/{table}.csv", table=suite.config.tables),
        figures=suite.drawn_files,
        report=suite.report_files,
        paper_comparison="<results>/paper_comparison/values.csv",
        cards="<results>/cards.json",
        page="<results>/index.html",
    output:
        summary="<results>/tracking/uploaded.txt",
    log:
        "<results>/logs/track.log",
    benchmark:
        "<results>/benchmarks/track.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        results=subpath(output.summary, ancestor=2),
    shell:
        "hps-bench track {params.results:q} 2> {log:q} | tee {output.summary:q}"
