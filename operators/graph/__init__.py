"""Events of a video as a graph: actors, actions, objects, places and times, linked to the sentences of the caption."""
