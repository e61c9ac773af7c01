"""Runs a plan: the driver, the graphs and stages on Ray Data, actor pools, recovery. Ray is started and used here.

May import `output`, `monitoring` and what lies below them.
"""
