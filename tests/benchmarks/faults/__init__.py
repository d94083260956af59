"""The fault bench: spoiled inputs for every reader."""
