"""Where pictures play: each place paints its land or water and says where things can be."""
