"""ARC tasks: official JSON, augmentations, and the vote over copies."""
