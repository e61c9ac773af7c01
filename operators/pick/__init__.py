"""Choosing among the captions that several tables have of the same windows. May import what stands below it; asking an
engine which one is best is a step `ask` over `candidates`."""
