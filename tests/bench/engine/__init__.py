"""The engine's own part of a job: release, publish, consume, start, finish; nothing else."""
