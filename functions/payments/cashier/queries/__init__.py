"""Selects and guarded updates of the cashier, by subject."""
