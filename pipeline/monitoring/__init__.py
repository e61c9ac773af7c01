"""What is known of a run while it works: progress, metrics, stalls, and its report.

May import `planning`, `sources`, `config` and `terminal`.
"""
