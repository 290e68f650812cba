"""The rehearsal world: real components where a package ships one, the vendor's wire where not, and faults in both."""
