"""Requests and answers of the clinic schedule."""
