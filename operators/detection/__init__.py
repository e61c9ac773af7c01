"""What a detector or a classifier sees in frames, as short lines of evidence: how many, where, and beside what.

May import engines, analysis and everything below; evidence reads what it writes.
"""
