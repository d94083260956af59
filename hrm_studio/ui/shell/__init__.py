"""The frame around the pages: top bar, status line, messages and the tour."""
