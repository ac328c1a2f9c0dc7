"""The companion API: thin faces of `core`'s reports behind bearer tokens."""
