"""Access after an event: streets with their states, routes, what is cut off and what is reached."""
