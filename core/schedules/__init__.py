"""Scheduled reports: what is sent when and where, and the ledger of what was sent. The work itself is a job."""
