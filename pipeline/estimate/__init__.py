"""The cost of a run, estimated from its plan and from rates measured on a sample of the input.

It may import `execution` and what lies below it.
"""
