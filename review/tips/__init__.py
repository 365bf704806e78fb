"""What relatives send, and what case officers do with it."""
