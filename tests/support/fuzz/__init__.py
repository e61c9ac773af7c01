"""Hostile inputs, generated from a seed: one module per kind. `python -m tests.support.fuzz` runs them.

A module of this package with `fuzz(count: int, *, seed: int = 0) -> Outcome` is a kind with the name of the module.
"""
