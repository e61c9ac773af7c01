"""Runs a plan: the driver, the graphs and stages on Ray Data, actor pools, recovery. The only folder that uses Ray.

May import `output`, `monitoring` and what lies below them.
"""
