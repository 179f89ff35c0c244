"""What an import costs: networks as people write and train them, imported with and without fine-tuning."""
