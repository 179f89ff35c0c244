"""`blindsight device`: the device, and the commands for its outbox."""
