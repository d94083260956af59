"""The Train page: choose a preset, start and watch runs, see their curves and what the model answers as it learns."""
