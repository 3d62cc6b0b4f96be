"""What several models are made of: layers, initial weights, attention, encoders. Imports torch."""
