"""The audit chain: one sealer links every audit entry to the one before it, per campus; a verifier proves the chain.

    link.hash = SHA-256(hash of the link before || canonical JSON of the entry)

A function only inserts entries; chaining inside its transaction would make every transaction of a campus wait for the
one before. The sealer, a moment later and alone, links what can no longer be preceded.

Order and completeness. Entries are sealed in the order of (transaction, entry_id), and only those whose transaction is
below the oldest one still running. No entry can then appear below the last sealed one, so the last link's entry is the
whole memory of how far sealing has come: finding the next entries is one range of one index, exact whatever the
clocks and the random parts of the ids did, and independent of how many were ever sealed. A database restored from a
dump starts its transaction numbers again; a last link from the future then means: look from the beginning. `NOT
EXISTS` keeps an entry from being linked twice in that case.

The verifier trusts nothing of this: it recomputes every link and looks for the link of every entry.
"""

from shared.audit.chain import Entry, Head
from shared.audit.sealing import announce, seal
from shared.audit.verification import ChainReport, Finding, VerifyReport, verify

__all__ = ["ChainReport", "Entry", "Finding", "Head", "VerifyReport", "announce", "seal", "verify"]
