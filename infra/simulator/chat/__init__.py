"""Chat platforms without a platform: Discord, Slack and Telegram as far as a bot sees them."""
