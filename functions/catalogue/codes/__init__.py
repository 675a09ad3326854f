"""Code systems and value sets (标准编码与值域), module P-codes."""
