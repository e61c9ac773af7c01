"""Who speaks: voices as vectors, vectors as speakers of the whole video, and the names that these are called by."""
