"""The server's memory: SQLite in a file, or PostgreSQL by its address. Rows in, rows out; no HTTP, no scoring here."""
