"""What all commands share: options, output, help, signals and logs."""
