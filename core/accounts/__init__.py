"""Who may see what: users, dashboard sessions and API tokens. One set of tables serves pages and API."""
