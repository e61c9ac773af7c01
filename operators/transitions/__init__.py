"""Detect transitions between shots from a score of each pair of neighbouring thumbnails: scores are in one table,
decisions in another, so that another threshold decodes nothing. Imports analysis and everything below.
"""
