"""Rules over a whole plan, one module per topic; `launch.plan_rules` runs them all."""
