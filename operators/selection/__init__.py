"""Which frames a model is shown: key frames by their vectors, several tiled into one picture, frames for a question, a
search for an object under a budget of calls. Imports engines, embedding and everything below; no other task folder.
"""
