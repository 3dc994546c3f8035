"""How kernel libraries run layers: one module per library, each an `ontarget.harness.binding.Binding`."""
