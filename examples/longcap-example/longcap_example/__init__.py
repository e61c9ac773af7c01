"""Operators and an engine for Longcap."""
