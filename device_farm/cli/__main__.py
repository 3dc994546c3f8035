"""`python -m ontarget.device_farm.cli` is `ontarget`."""

from ontarget.device_farm.cli.main import main

main()
