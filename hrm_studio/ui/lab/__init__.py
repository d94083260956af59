"""The Lab's panel in Explore."""
