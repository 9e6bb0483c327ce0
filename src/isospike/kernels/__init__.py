"""Compiled loops over arrays, apart from the neurons and maps whose arithmetic they are; numba finds their types."""
