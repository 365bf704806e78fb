"""What each command asks for, does and says: one file a command, or a group of them."""
