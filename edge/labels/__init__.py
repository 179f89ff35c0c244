"""What comes back to a device: labels or receipts, recorded once and written out in order."""
