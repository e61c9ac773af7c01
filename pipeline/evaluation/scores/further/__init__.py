"""Metrics that run only if named, since they need more than captions and references: Java, a model, your own code."""
