"""The Compare page: two to four models, checkpoints or settings on the same puzzle, side by side."""
