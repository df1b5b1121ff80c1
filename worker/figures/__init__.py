"""The report's figures, one family a module. Each takes valid transactions in file order; sums are integer cents."""
