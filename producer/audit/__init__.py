"""The audit log: anchored, verified, shown."""
