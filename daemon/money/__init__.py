"""What the box costs: consumption, prices, the ledger, the budget. Pure."""
