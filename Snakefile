"""HPS-Bench: method × reward × dataset × responses, from prompts to tables."""

from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


pathvars:
    results=suite.results,


wildcard_constraints:
    dataset=one_of(suite.config.datasets),
    evaluated_on=one_of(suite.config.datasets),
    split="train|validation|test",
    part=r"\d{3}",
    parts=r"\d{3}",
    model=one_of(PARTS),
    reward=one_of(suite.rewards),
    method=one_of(suite.config.all_methods),
    responses=one_of(suite.pool_sizes),
    beta=r"(?:0|[1-9]\d*)(?:\.\d*[1-9])?(?:e[+-]\d+)?",
    seed=r"\d+",
    table=one_of(suite.config.tables),
    figure=one_of(suite.config.figures),
    experiment=one_of(suite.config.experiments),
    cell="[^/]+/[^/]+/n[^/]+",


rule all:
    """Every cell of the grid, every table, and the runs in MLflow."""
    default_target: True
    input:
        evaluations=suite.evaluation_files(suite.grid),
        trajectories=suite.trajectory_files(suite.grid),
        tables=expand("<results>/tables/{table}.csv", table=suite.config.tables),
        paper_comparison="<results>/paper_comparison/values.csv",
        figures=suite.drawn_files,
        study=[*suite.study.packets, *suite.study.analysis],
        theory=suite.theory_files,
        report=suite.report_files,
        cards="<results>/cards.json",
        page="<results>/index.html",
        tracked="<results>/tracking/uploaded.txt",
    localrule: True


include: "workflow/rules/targets.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/prompts.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/responses.smk"
include: "workflow/rules/rewards.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/trajectory.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/paper_comparison.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/cards.smk"
include: "workflow/rules/index.smk"
include: "workflow/rules/track.smk"


onstart:
    begin(suite, log)


# What has failed is shown as missing in the tables and as FAILED or KILLED in MLflow.
onerror:
    print(after_failure(suite))


onsuccess:
    finish(suite, workflow.dag.targetjobs)
