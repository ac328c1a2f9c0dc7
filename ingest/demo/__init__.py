"""Demo: a real relay, real clients talking to it through the real tap, and some weeks of invented history.

Three processes, each stopped by SIGTERM (see `run.py` for their command lines):

- `relay`: nostr-sdk's local relay, refusing some things by policy;
- `clients`: signed events, subscriptions, duplicates and refusals from several client applications;
- `history`: back-fills the weeks before the demo began and ends.

Demo rows live in a database of their own (`DEMO=on`), which is how every page knows that it shows demo data and why one
dropped database removes all of it.
"""
