"""How we reach the outside: settings, servers, broker, object store, HTTP, telemetry."""
