"""Routes of models, as operators look at them and change them."""
