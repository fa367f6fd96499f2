# Human study. People rate on the page that `hps-bench study serve` opens, so no rule makes their
# ratings; simulated raters, in configs that ask for them, use the same page.
#
# IN   prompts, and samples of the rated policies on test splits
# OUT  <results>/study/assignment.json, key.json (who wrote what), ratings.parquet, analysis.json,
#      <results>/tables/table3-agreement.*, table3-raters.*


if suite.study.is_simulated:

    rule study_simulate:
        """Have simulated raters rate on the real page."""
        input:
            settings="<results>/settings/study.json",
            assignment="<results>/study/assignment.json",
            key="<results>/study/key.json",
        output:
            # Not removed before the job, which refuses to replace what people have given.
            ratings=update("<results>/study/ratings.parquet"),
        log:
            "<results>/logs/study/simulate.log",
        benchmark:
            "<results>/benchmarks/study/simulate.jsonl"
        localrule: True
        conda:
            "../envs/hps-bench.yaml"
        params:
            code=suite.code("study_simulate"),
            folder=subpath(output.ratings, parent=True),
        shell:
            r"""
            exec &> >(tee {log:q})
            set -x
            hps-bench study simulate --settings {input.settings:q} --study {params.folder:q}
            """


rule study:
    """Draw prompts and orders for the raters of the human study."""
    input:
        settings="<results>/settings/study.json",
        samples=suite.study.samples,
    output:
        # Not removed before the job, which refuses to replace what raters have begun on.
        assignment=update("<results>/study/assignment.json"),
        key=update("<results>/study/key.json"),
    log:
        "<results>/logs/study/assign.log",
    benchmark:
        "<results>/benchmarks/study/assign.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("study"),
        folder=subpath(output.assignment, parent=True),
        results=subpath(output.assignment, ancestor=2),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench study assign \
            --settings {input.settings:q} \
            --results {params.results:q} \
            --output {params.folder:q}
        """


rule study_analyse:
    """Analyse the ratings of the human study."""
    input:
        settings="<results>/settings/study_analysis.json",
        assignment=rules.study.output.assignment,
        key=rules.study.output.key,
        ratings="<results>/study/ratings.parquet",
    output:
        analysis="<results>/study/analysis.json",
        tables=expand(
            "<results>/tables/{table}.{kind}",
            table=["table3-agreement", "table3-raters"],
            kind=["csv", "tex", "html"],
        ),
    log:
        "<results>/logs/study/analyse.log",
    benchmark:
        "<results>/benchmarks/study/analyse.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("study_analyse"),
        folder=subpath(output.analysis, parent=True),
        results=subpath(output.analysis, ancestor=2),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench study analyse \
            --settings {input.settings:q} \
            --study {params.folder:q} \
            --output {params.results:q}/tables
        """
