"""Outputs in storage: ownership, leases, contents, verification, and the end of a run.

May import `monitoring`, `planning`, `sources`, `config` and `terminal`.
"""
