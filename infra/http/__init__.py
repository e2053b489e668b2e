"""How we call addresses that other people chose."""
