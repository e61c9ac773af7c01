"""The foundation of all operators: the operator contract and registry, row schemas, keys and fingerprints, time spans,
storage and untrusted text. It imports nothing else of Longcap, so every other folder may import it.
"""
