"""Rules of the house that no ready-made linter knows, read from the syntax tree. `python -m infra.lints` runs them."""
