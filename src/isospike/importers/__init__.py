"""Importers: a trained model as a graph."""
