"""Topic tags of captions, by their vectors. Imports embedding and everything below; no other task folder."""
