"""Looking for more: key points by tree search, and prompts by rounds of criticism, until nothing is gained."""
