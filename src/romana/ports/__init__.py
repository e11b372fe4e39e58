"""What Romana needs from the world, as small Protocols."""
