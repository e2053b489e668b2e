"""Where the bytes of results live: a local folder, or anything that speaks S3."""
