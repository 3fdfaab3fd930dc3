"""PostgreSQL backend that carries the tenant scope into every transaction."""
