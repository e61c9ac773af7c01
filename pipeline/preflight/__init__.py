"""Checks before a run: machines, versions, models, storage, clocks.

May import `execution` and what lies below it.
"""
