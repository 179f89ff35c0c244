"""Rendered photos of meters: what the model `meter` is trained and measured on. A seed gives the same photos again."""
