"""Conservation checks as data: what must always add up, and the rows that break it.

One TOML file per check below checks/<kind>/: `title` (Chinese: what is wrong when it fails), `severity`, `detail`
(SQL listing the rows that break it, normally none), `order` (worst first), `remedy` (Chinese, what to do), perhaps
`parameters` of the SQL. `python -m integrity` runs them all as his_auditor.
"""
