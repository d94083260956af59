"""Where examples come from: generated pools, and datasets in the published layout, with their builders and checks."""
