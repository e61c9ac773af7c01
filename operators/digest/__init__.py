"""Reduce the captions of a video before narration: drop vague ones and merge similar neighbours."""
