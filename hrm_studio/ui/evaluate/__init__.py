"""The Evaluate page: one model on many puzzles, as a table and a scatter plot."""
