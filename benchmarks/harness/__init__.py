"""What the measurements share: contestants in processes of their own, where they are installed, figures and plots."""
