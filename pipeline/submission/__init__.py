"""Sends a run to the job server of a cluster; follows, lists and stops jobs there.

May import `execution` and what lies below it.
"""
