"""Measures how soon people in chats are answered."""
