"""Square mazes: text, shortest paths, generator."""
