"""What is measured in decoded video: motion, camera movement, cuts and shots, colour and light, perceptual hashes,
text and labels, and the typed `Facts` that carry it. Imports `operators.core` only; engines and operators read its
results.
"""
