"""Select the frames for a model: key frames by their vectors, frames tiled into one image, frames for a question, a
search for an object under a budget of calls. Imports engines, embedding and everything below; no other task folder.
"""
