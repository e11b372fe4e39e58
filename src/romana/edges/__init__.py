"""Translation between the ports and the world (SQLite, netlink, BIRD); no decisions are made here."""
