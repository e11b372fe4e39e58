"""A data centre of network namespaces on one machine: real routers, real agents, real pods."""
