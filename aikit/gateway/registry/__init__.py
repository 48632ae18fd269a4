"""
What the gateway knows, in SQL: files, uploads, batches, keys and money, on SQLite or PostgreSQL.
"""
