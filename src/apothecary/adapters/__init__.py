"""Adapters of our own making, as extensions of Hugging Face PEFT."""
