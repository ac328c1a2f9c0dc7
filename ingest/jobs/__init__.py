"""Work that happens by itself: `table.py` lists all of it."""
