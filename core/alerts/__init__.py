"""Alerts: rules on measures, incidents that open and close by themselves, and why they opened; see docs/alerts.md."""
