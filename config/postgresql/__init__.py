"""Django's PostgreSQL backend, which tells the database who is acting."""
