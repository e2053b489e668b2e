"""The reference builds C and N of the budget: small, honest programs."""
