"""The hospital on one machine: real PostgreSQL, S3 and Keycloak, started and ended without containers."""
