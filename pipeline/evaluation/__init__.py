"""Examines what the pipeline makes, through its public functions.

May import `execution` and what lies below it.
"""
