"""A dataset as it lies in storage: who owns it, what it holds, whether it is sound, how a run ends it.

May import `monitoring`, `planning`, `sources`, `config` and `terminal`.
"""
