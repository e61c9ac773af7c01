"""Output of commands to a terminal: one-line errors, and the only functions that print untrusted text.

It imports nothing else of `pipeline`.
"""
