"""The running program: composition root, link supervision, inbound and outbound ways, control socket."""
