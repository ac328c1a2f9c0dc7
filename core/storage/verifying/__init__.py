"""Recounting what is summed, part by part: what `core.storage.verify` puts together."""
