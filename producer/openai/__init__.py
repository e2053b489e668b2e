"""OpenAI's endpoints: one place for each, for calls and for lines of batches alike."""
