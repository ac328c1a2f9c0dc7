"""What `make bench` runs: ratios measured in one run, kept in `results/` with the machine they were measured on."""
