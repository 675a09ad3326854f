"""Selects, locks and guarded updates of billing, by subject."""
