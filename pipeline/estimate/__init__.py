"""What a run would take, from its plan and from rates that a small run over a part of the input has measured.

May import `execution` and what lies below it.
"""
