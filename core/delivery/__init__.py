"""Delivery: messages with files, and the stored destinations (channels) that reports and alerts are sent to."""
