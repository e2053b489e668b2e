"""Strangers' pictures, looked at before they are unpacked, and made plain: bytes to bytes."""
