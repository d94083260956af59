"""Dialogs that belong to no single page: export, command palette, shortcuts, glossary."""
