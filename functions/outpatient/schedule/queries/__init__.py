"""Selects, locks and guarded updates of the clinic schedule, by subject."""
