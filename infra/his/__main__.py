"""`python -m infra.his` is `his`."""

from infra.his.cli import app

app()
