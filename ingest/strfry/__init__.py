"""A write-policy plugin for strfry that feeds the collector, and leaves every decision as it is.

Kept light: strfry starts it upon the first event. It imports neither settings nor anything of the database.
"""
