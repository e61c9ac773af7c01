"""Hostile inputs, generated from a seed. One module a kind; `python -m tests.support.fuzz` runs them.

A module of this package that has `fuzz(count: int, *, seed: int = 0) -> Outcome` is a kind, named as the module.
"""
