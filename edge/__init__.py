"""The device agent: cameras, gate, encryption, outbox, labels."""
