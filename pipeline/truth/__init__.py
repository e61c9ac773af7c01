"""The exam: videos whose script is known, and long captions of them that are read back and compared with it."""
