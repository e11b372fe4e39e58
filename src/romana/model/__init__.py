"""What exists: topology, hosts, blocks, addresses and routes as frozen values. No I/O."""
