"""The kernel every function stands on: transactions, identity, isolation, problems, printing, storage."""
