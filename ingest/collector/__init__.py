"""The collector: takes batches of events from relays, plugins and other services over WebSocket and HTTP."""
