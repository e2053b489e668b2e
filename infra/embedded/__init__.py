"""`genq up`: servers, simulator and genq's own processes, kept alive on one machine."""
