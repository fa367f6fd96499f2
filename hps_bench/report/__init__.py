"""The report: one document of what was run, every table, every figure, and the paper beside it."""
