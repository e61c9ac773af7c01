"""Plans the videos of a run, their segments, and the remaining, replaced and excluded work.

May import `sources`, `config` and `terminal`.
"""
