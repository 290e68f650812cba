"""What breaks each check on people and words, and nothing else."""

from __future__ import annotations

from pydantic import JsonValue

BREAKS: dict[str, tuple[tuple[str, JsonValue], ...]] = {
    "statuspage-configured": (("statuspage.quarantined", 3),),
    "war-room-ready": (("slack.created_hours_before_launch", 5),),
    "pilot-welcome-emails-sent": (("mail.bounced", {"pilot-welcome": 1}),),
    "pagerduty-escalations": (("pagerduty.response_p1", 20),),
    "runbooks-linked-in-alerts": (("pagerduty.services_without_runbook", 1),),
    "oncall-rota-published": (("pagerduty.rota_days", 9),),
    "onboarding-emails-scheduled": (("mail.schedule_shift_minutes", 30),),
    "maintenance-notice-prescheduled": (("statuspage.notice_shift_hours", 24),),
    "ticketing-configured": (("tickets.agents", 0),),
    "smoke-email-notification": (("mail.relay_delivers", False),),
    "statuspage-maintenance-posted": (("statuspage.maintenance_shown_as", "scheduled"),),
    "statuspage-operational": (("statuspage.component_status", "degraded_performance"),),
    "slack-live-announced": (("slack.edited", "Platform is LIVE"),),
    "t1h-user-feedback": (("tickets.opened", 7),),
    "t1h-onboarding-emails-sent": (("mail.bounced", {"onboarding": 1}),),
    "t8h-incident-summary": (("pagerduty.incidents_have_owner", False),),
    "t24h-report-published": (("publishing.page_text", "<p>Uptime, Activation</p>"),),
    "rb-slack-complete": (("slack.edited", "ROLLBACK COMPLETE"),),
    "rb-statuspage-resolved": (("statuspage.resolution_text", "Resolved."),),
    "rb-postmortem-scheduled": (("tickets.due_shift_hours", 10),),
    "sc-no-p0-p1": (("pagerduty.p1_incidents", 1),),
}
