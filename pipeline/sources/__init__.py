"""What a source published comes in, whatever its platform: `telegram` and `video_sites`, beside this, know how."""
