"""Backup of the database: sealed base backups and the write-ahead log, streamed into the store as it is written.

    python -m infra.backup archive        # runs for ever: every second what was committed is in the store
    python -m infra.backup base           # a base backup
    python -m infra.backup list | prune | check
    python -m infra.backup restore --into FOLDER [--until MOMENT]

It speaks PostgreSQL's replication protocol, so it needs no program of PostgreSQL beside it and runs from the one image.
Compressed and sealed (AES-256-GCM) before they leave this process: the store sees no patient.
"""
