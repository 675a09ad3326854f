"""Selects, locks and guarded changes of registration, by subject."""
