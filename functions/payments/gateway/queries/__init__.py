"""Selects, locks and guarded updates of the gateway, by what they are about."""
