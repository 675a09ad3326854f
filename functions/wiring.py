"""The one table of gates and who answers them (import strings, loaded on first use)."""

ANSWERS: dict[str, tuple[str, ...]] = {}
