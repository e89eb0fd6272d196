"""The languages people read. Everything machines read (JSON keys, exit codes, log events) stays English."""
