"""Checkpoints: found, inspected, loaded, saved and exported. They are data; no code in one is ever run."""
