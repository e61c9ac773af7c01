"""Progress, metrics, stall detection and the report of a run.

May import `planning`, `sources`, `config` and `terminal`.
"""
