"""The doctor: looks at a running installation, says what is wrong with it and what to do."""
