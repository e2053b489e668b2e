"""What a picture can be about: each subject is a few strokes on a grid of 100 by 100."""
