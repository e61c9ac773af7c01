"""Text on screen: lines read in single frames, joined over time into items with spans, and told apart by role.

May import analysis and everything below; evidence reads what it writes.
"""
