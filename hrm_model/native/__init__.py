"""C++ for what torch does slowly on a CPU, compiled on the user's machine when it is first needed. Without a compiler torch does the work."""
