"""A process that draws pictures and animations of a trace."""
