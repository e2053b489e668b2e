"""Model servers: what genq asks of them, and what their answers and failures mean."""
