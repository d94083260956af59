"""The Traces page: the recorded traces, to open, join and delete."""
