"""What a million tenants and a million queued jobs cost: ``python -P -m tests.bench.scale``."""
