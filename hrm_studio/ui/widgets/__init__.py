"""Small widgets without knowledge of models or puzzles. Used by all pages."""
