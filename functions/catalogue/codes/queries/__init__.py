"""Statements of the code systems."""
