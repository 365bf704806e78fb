"""What keeps the processes of one machine running, and shows what they said."""
