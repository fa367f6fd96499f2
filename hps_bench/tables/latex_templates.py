"""Templates of LaTeX files."""

from __future__ import annotations

from functools import cache

import jinja2

from hps_bench.tables.escape import latex_text


@cache
def latex_environment(package: str) -> jinja2.Environment:
    r"""Templates of a package, with ``\VAR{}`` and ``\BLOCK{}``.

    All values that are not LaTeX yet are escaped.
    """
    return jinja2.Environment(
        block_start_string=r"\BLOCK{",
        block_end_string="}",
        variable_start_string=r"\VAR{",
        variable_end_string="}",
        comment_start_string=r"\COMMENT{",
        comment_end_string="}",
        loader=jinja2.PackageLoader(package),
        finalize=latex_text,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
