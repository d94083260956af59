"""Threads and processes that compute for the app, so that the GUI thread never waits."""
