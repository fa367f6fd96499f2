# The checked config, and functions that say which files a job reads. No rules here.

import os
import sys
from itertools import chain
from pathlib import Path

from hps_bench.config import parse_config
from hps_bench.cluster import record_run, refuse_leftover_jobs, use_squeue
from hps_bench.clock import bring_back
from hps_bench.closing import after_failure, after_success
from hps_bench.errors import UserError
from hps_bench.exclusive import claim
from hps_bench.figures.catalogue import find_figure
from hps_bench.report.document import COMPARISONS
from hps_bench.tables.layout import find_layout
from hps_bench.stage_settings import PARTS
from hps_bench.theory.catalogue import THEOREMS
from hps_bench.theory.settings import TABLES as SIMULATIONS
from hps_bench.workflow import Workflow

# A config given on the command line replaces the preset: nothing is merged into it.
if not workflow.configfiles:

    configfile: "config/demo.yaml"


# A cluster's profile may name the model of its GPUs; it is no part of an experiment.
gpu_model = config.pop("gpu_model", None)

try:
    suite = Workflow(parse_config(config, " + ".join(map(str, workflow.configfiles))))
except UserError as error:
    print(f"hps-bench: {error}", file=sys.stderr)
    sys.exit(2)

# Jobs run the hps-bench of the environment that Snakemake runs in, activated or not.
shell.prefix(f"PATH={os.path.dirname(sys.executable)}:$PATH; set -euo pipefail; ")

use_squeue(f"{workflow.basedir}/profiles/slurm/bin")


# Held until Snakemake ends.
claims = []


def begin(suite, logs):
    """Keep other runs, and jobs of earlier ones, out of the results."""
    try:
        claims.append(claim(suite.results))
        refuse_leftover_jobs(Path(suite.results))
        if found := bring_back(Path(suite.results)):
            print(f"{found} files were dated in the future: their time is now")
        record_run(Path(suite.results), map(Path, logs))
        suite.write_execution()
    except (UserError, OSError) as error:
        print(f"hps-bench: {error}", file=sys.stderr)
        os._exit(2)


def finish(suite, jobs):
    """Say where the results are, if all that was asked for is there."""
    try:
        print(
            after_success(suite, chain.from_iterable(j.output or j.input for j in jobs))
        )
    except UserError as error:
        print(f"hps-bench: {error}", file=sys.stderr)
        os._exit(1)


def one_of(names):
    return "|".join(sorted(names, key=len, reverse=True))


CELL = "{reward}-{method}/n{responses}-b{beta}-s{seed}"


def policy_path(wildcards):
    return f"{{dataset}}/{CELL}".format(**wildcards)
