"""The `his` command line: one small file per group of commands, engines imported only when a command runs."""
