"""How we reach the outside: settings, PostgreSQL, Valkey, broker, object store, HTTP, telemetry."""
