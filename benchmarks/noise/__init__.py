"""What a phone's timings look like: simulated noise models, and timings recorded on this machine."""
