"""The endpoints, one module per kind. Each has a guard; a test goes through all of them."""
