"""The one OCI image of the hospital: every function, the worker and the jobs. Built by the standard library alone."""
