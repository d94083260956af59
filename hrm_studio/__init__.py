"""HRM Studio: the desktop app and the command line."""
