"""The catalogue: everything a library knows, in SQL. The sole user of SQLAlchemy, with the checks."""
