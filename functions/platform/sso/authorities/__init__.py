"""Certification authorities outside: where their revocation lists are fetched from."""
