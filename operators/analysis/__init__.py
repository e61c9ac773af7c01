"""Measurements of decoded video: motion, camera movement, cuts and shots, colour and light, perceptual hashes, text and
labels, and the typed `Facts` that hold them. Imports only `operators.core`; engines and operators use its results.
"""
