"""Sudoku of every size from 4×4 to 25×25, and jigsaws: reader, rules, solver, generator, rating, symmetries."""
