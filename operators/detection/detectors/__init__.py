"""What detects: `base` is the protocol, `registry` the kinds, and each other file one kind."""
