"""PostgreSQL: typed rows, one-pipeline transactions, campus isolation and search that keeps its indexes."""
