"""The stages, one file each. ``worker.pipeline.run`` alone knows their order."""
