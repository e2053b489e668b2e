"""The promises of the queue as questions to its tables; a sound system answers with no row."""
