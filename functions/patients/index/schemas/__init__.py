"""Requests and answers of the patient index."""
