"""The simulated TEEI product as its users meet it: pages, public API, administration. Honest about every knob."""
