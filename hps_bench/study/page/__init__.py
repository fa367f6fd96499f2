"""The rating page: what a rater's browser is shown, sends and gets stored.

A rater comes by a personal link and rates one task after the other; see
:mod:`hps_bench.study.page.forms` for what the forms hold.
"""
