"""The main job, shown: a real kernel library on three device models, unchanged and with planted faults."""
