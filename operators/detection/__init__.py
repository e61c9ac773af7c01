"""Detections in frames as short lines of evidence: number, position and relation of objects.

May import engines, analysis and everything below; evidence reads its columns.
"""
