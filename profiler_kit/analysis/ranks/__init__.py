"""Several ranks of one job: collectives, clocks, and who waited for whom."""
