"""Safety for who answers for it: policies, what they would change, sanctions."""
