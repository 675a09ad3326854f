"""Inputs and answers of the organisation."""
