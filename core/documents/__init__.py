"""Reports as documents for people who do not sign in: mails with charts, and PDF."""
