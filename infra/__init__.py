"""What the house stands on: the local stack, the command line, migrations and the data centre as code."""
