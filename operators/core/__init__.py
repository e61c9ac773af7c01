"""What every operator stands on: the operator contract and its registry, row schemas, keys and fingerprints, time
spans, storage and untrusted text. Plain Python; imports nothing else of Longcap, so that everything may import it.
"""
