"""Puzzles: Sudoku, mazes and ARC, each as text, grid and tokens, with rules, generator and solver."""
