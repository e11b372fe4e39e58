"""The node agent: keeps a node's routes as planned, and gives its endpoints their addresses."""
