"""Traces as HDF5: layout, reader, writer, and a guard against damaged files. Use `io`. Neither torch nor Qt."""
