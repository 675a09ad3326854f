"""Statements of the patient index."""
