"""The configuration of a run: its types, its files, and its documentation.

May import `terminal`.
"""
