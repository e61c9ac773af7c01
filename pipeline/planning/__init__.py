"""Which videos there are, how each is cut into segments, and what of that is left to do, replaced or left out.

May import `sources`, `config` and `terminal`.
"""
