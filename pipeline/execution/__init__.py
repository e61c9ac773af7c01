"""Execution of a plan: the driver, graphs and stages on Ray Data, actor pools and recovery. The only folder that uses
Ray.

May import `output`, `monitoring` and everything below them.
"""
