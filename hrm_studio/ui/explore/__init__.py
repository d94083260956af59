"""The Explore page: edit or generate a puzzle, let the model reason about it, and go through its steps."""
