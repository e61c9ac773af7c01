"""Events of a video as a graph: who does what to what, where and when, beside the prose that tells of it."""
