"""Scripts that run a graph in another tool's simulator, each with the Python of that tool's environment.

A script is handed the graph, the golden spikes and where to write; it imports nothing of isospike, which need not be
installed there.  `recorded.py` is what they share."""
