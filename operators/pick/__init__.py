"""Choose among the captions that several tables have of the same windows. May import what is below it; asking an
engine for the best one is a step `ask` over `candidates`."""
