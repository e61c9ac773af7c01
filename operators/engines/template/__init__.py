"""The built-in engine: no model, no GPU. It says in plain English what was measured, and nothing else."""

from operators.engines.template.engine import MeasureEngine

__all__ = ["MeasureEngine"]
