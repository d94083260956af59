"""The fault bench: mutated inputs for every reader, and faults at every file operation of every writer."""
