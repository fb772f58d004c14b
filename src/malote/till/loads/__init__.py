"""The loads that a till sells with: their database, which the POS reads, and how a load is brought in, proven, taken
back, and written into files."""
