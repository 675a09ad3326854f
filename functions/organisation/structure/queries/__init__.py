"""Selects, locks and guarded updates of the organisation."""
