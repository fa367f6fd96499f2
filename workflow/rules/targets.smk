# Named targets: what a person asks for.


rule tables:
    """Every table of the config, with only the cells that they need."""
    input:
        tables=expand("<results>/tables/{table}.csv", table=suite.config.tables),
        study=suite.study.analysis,
    localrule: True


rule figures:
    """Every figure of the config, with only the cells that they need."""
    input:
        figures=suite.drawn_files,
    localrule: True


rule trajectories:
    """The trajectory of every policy that is followed through training."""
    input:
        trajectories=suite.trajectory_files(suite.grid),
    localrule: True


rule policies:
    """Every policy of the grid, not evaluated."""
    input:
        policies=suite.policy_files(suite.grid),
    localrule: True


for table in suite.config.tables:

    rule:
        name:
            table
        input:
            table=f"<results>/tables/{table}.csv",
        localrule: True
