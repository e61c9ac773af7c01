"""Metrics that are asked for by name: they need more than captions and references, such as Java, a model, your code."""
