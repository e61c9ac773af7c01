"""Evaluation of captions and of the pipeline itself, through its public functions.

It may import `execution` and what lies below it.
"""
