"""The chat door: commands and buttons of Discord, Slack and Telegram."""
