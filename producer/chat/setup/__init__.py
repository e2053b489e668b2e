"""`genq bot setup`: registers a bot with its platform, as often as one likes."""
