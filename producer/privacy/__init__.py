"""What is done for the people whose content is kept."""
