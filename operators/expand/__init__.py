"""Iterative search with engines: key points by tree search, and prompts improved in rounds of evaluation."""
