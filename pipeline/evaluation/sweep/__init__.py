"""`longcap sweep`: one output for each combination of values of some keys, with cost against score.

It may import `execution`, the scores and the judges.
"""
