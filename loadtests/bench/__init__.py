"""Measurements of the hospital against its own database in one run; `python -m loadtests.bench` writes their page.

ground        a durable PostgreSQL of its own, and the address books of what runs beside it
realm         signs tokens the way the identity server does and publishes the key
hosts         the hospital as processes of its own, and what they cost
seeding       a hospital, people, sessions and numbers to work on
client        a lean HTTP client in a process of its own
recording     the statements of a use case as they were sent
scripting     the same statements as a pgbench script
registration, functions, empi, crowd   what is measured
report        the page
"""
