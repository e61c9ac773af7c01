"""Storage: Delta tables written by compare-and-swap, group commit, resume keys and content hashes. Imports only
`operators.core`, and does not depend on operators or engines.
"""
