"""Compare captions by their vectors: topic tags, scores. Imports embedding and below; no other task folder."""
