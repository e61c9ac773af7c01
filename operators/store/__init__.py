"""Committed tables: Delta tables written by compare-and-swap, group commit, resume keys and content hashes. Imports
`operators.core` only; knows no operator and no engine.
"""
