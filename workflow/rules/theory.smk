# Theory: Section 5 of the paper by simulation, with a reward that is known.
#
# IN   nothing
# OUT  <results>/theory/{table}.csv, {figure}.pdf, {figure}.png, theorem-{1,2,3}.md, manifest.json


rule theory:
    """Simulate the theorems: estimators of a known reward, over m, n and γ."""
    input:
        settings="<results>/settings/theory.json",
    output:
        tables=expand("<results>/theory/{table}.csv", table=SIMULATIONS),
        figures=expand(
            "<results>/theory/{figure}.{kind}", figure=THEOREMS, kind=["pdf", "png"]
        ),
        pages=expand("<results>/theory/theorem-{number}.md", number=[1, 2, 3]),
        manifest="<results>/theory/manifest.json",
    log:
        "<results>/logs/theory.log",
    benchmark:
        "<results>/benchmarks/theory.jsonl"
    conda:
        "../envs/hps-bench.yaml"
    params:
        code=suite.code("theory"),
        folder=subpath(output.manifest, parent=True),
    shell:
        r"""
        exec &> >(tee {log:q})
        set -x
        hps-bench --threads {threads} theory \
            --settings {input.settings:q} \
            --output {params.folder:q}
        """
