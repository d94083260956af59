"""Plots of a trace: curves over its steps and paths of its states; and how every plot looks."""
