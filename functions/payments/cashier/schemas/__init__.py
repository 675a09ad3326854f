"""Requests and answers of the cashier, by subject."""
