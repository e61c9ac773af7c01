"""`longcap sweep`: one recipe with several values of some keys, each an output, cost against score.

May import `execution`, the scores and the judges.
"""
