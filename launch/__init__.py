"""The domain of a launch: its plan, its ledger's events and every decision. Pure: no clock, no network, no Prefect."""
