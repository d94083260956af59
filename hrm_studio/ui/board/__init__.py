"""The board of each task, and the timeline below it. Used by several pages."""
