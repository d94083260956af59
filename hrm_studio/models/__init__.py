"""State that views listen to: the open trace and its cursor, the selection, runs, the puzzle."""
