"""How a command speaks to a person: errors of one line, and the one place where untrusted text is printed.

Imports nothing of `pipeline`.
"""
