import pytest

from blocks.mail import Brevo, SmtpRelay
from launch.effects.people import ScheduleMail, SendMail
from launch.errors import PermanentFaultError, TransientFaultError
from launch.moments import parse_offset
from launch.ports import Mailer, Standing
from launch.probes.people import MailingDelivered, MailingScheduled, MailPath
from sandbox.parts.mail import MailPart

TO = ("a@pilot.example", "b@pilot.example")
SEND = SendMail(do="send-mail", on="mail", mailing="welcome", to=TO, subject="Hello", text="Log in: ünïcode")
QUEUE = ScheduleMail(
    do="schedule-mail", on="mail", mailing="welcome", to=TO, subject="Hello", text="x", send_at=parse_offset("T+1h")
)
DELIVERED = MailingDelivered(ask="mailing-delivered", of="mail", mailing="welcome")
SCHEDULED = MailingScheduled(ask="mailing-scheduled", of="mail", mailing="welcome")
PATH = MailPath(ask="mail-path", of="mail", to="smoke@teei.example")


@pytest.fixture
def mail(stage):
    built = stage(MailPart())
    return built, Brevo(**built.fields["brevo/sandbox-mail"])


def values(mail, probe):
    built, block = mail
    return {name: found.value for name, found in block.answer(probe, built.occasion()).values.items()}


def standing(mail, effect):
    return mail[1].observe(effect, mail[0].occasion()).standing


def sent(mail):
    return [len(mail[0].part.inbox(address)) for address in TO]


def test_it_is_a_mailer_whose_relay_takes_the_login(mail):
    assert isinstance(mail[1], Mailer)
    assert mail[1].check() == "Brevo account launch@teei.io; its relay takes the login"


def test_each_recipient_gets_one_mail_however_often_it_is_applied(mail):
    assert standing(mail, SEND) is Standing.ABSENT
    for _ in range(2):
        mail[1].apply(SEND, mail[0].occasion())
    assert standing(mail, SEND) is Standing.HOLDS
    assert sent(mail) == [1, 1]
    assert values(mail, DELIVERED) == {"recipients": 2, "refused": 0}


def test_recipient_added_later_is_the_only_one_who_gets_mail(mail):
    mail[1].apply(SEND.model_copy(update={"to": TO[:1]}), mail[0].occasion())
    mail[1].apply(SEND, mail[0].occasion())
    assert sent(mail) == [1, 1]


def test_bounce_is_no_delivery(mail):
    mail[1].apply(SEND, mail[0].occasion())
    mail[0].world.set("mail.bounced", {"welcome": 1})
    assert values(mail, DELIVERED) == {"recipients": 1, "refused": 1}


def test_nothing_sent_counts_nobody_and_nothing_queued_is_no_reading(mail):
    assert values(mail, DELIVERED) == {"recipients": 0, "refused": 0}
    assert values(mail, SCHEDULED) == {}


def test_queue_names_its_offset_and_leaves_at_its_moment(mail):
    mail[0].at("T-13h")
    mail[1].apply(QUEUE, mail[0].occasion())
    assert standing(mail, QUEUE) is Standing.HOLDS
    assert values(mail, SCHEDULED) == {"send_offset": "T+1h"}
    assert sent(mail) == [0, 0]
    mail[0].at("T+1h")
    assert sent(mail) == [1, 1]
    assert standing(mail, SEND) is Standing.HOLDS
    assert values(mail, SCHEDULED) == {"send_offset": "T+1h"}


def test_queue_for_another_moment_is_moved(mail):
    mail[0].at("T-13h")
    mail[1].apply(QUEUE, mail[0].occasion())
    later = QUEUE.model_copy(update={"send_at": parse_offset("T+2h")})
    assert standing(mail, later) is Standing.ABSENT
    mail[1].apply(later, mail[0].occasion())
    assert values(mail, SCHEDULED) == {"send_offset": "T+2h"}


def test_queue_due_in_minutes_is_left_to_run_and_one_due_later_is_sent_now(mail):
    mail[0].at("T-13h")
    mail[1].apply(QUEUE, mail[0].occasion())
    mail[0].at("T+57m")
    assert standing(mail, SEND) is Standing.UNDER_WAY
    mail[1].apply(SEND, mail[0].occasion())
    assert sent(mail) == [0, 0]
    mail[0].at("T+30m")
    mail[1].apply(SEND, mail[0].occasion())
    assert sent(mail) == [1, 1]
    mail[0].at("T+2h")
    assert sent(mail) == [1, 1]


def test_queue_is_cancelled_by_restore_and_a_sent_one_cannot_be(mail):
    mail[0].at("T-13h")
    mail[1].apply(QUEUE, mail[0].occasion())
    mail[1].restore(QUEUE, {}, mail[0].occasion())
    assert mail[1].observe_restored(QUEUE, {}, mail[0].occasion()).standing is Standing.HOLDS
    mail[0].at("T+2h")
    assert sent(mail) == [0, 0]
    mail[1].apply(SEND, mail[0].occasion())
    assert mail[1].observe_restored(QUEUE, {}, mail[0].occasion()).standing is Standing.FAILED
    with pytest.raises(PermanentFaultError, match="send a follow-up"):
        mail[1].restore(SEND, {}, mail[0].occasion())


def test_mailings_of_other_launches_do_not_count(mail):
    mail[1].apply(SEND, mail[0].occasion(launch="teei-0"))
    assert values(mail, DELIVERED)["recipients"] == 0


def test_port_sends_once_per_key(mail):
    for _ in range(2):
        mail[1].send(TO, "Gate", "GO", key="gate-1")
    assert sent(mail) == [1, 1]


def test_words_without_a_subject_are_headed_by_their_first_line(mail):
    mail[1].send(TO, "", "Gate is open\nPlease vote", key="gate-2")
    assert mail[0].part.inbox(TO[0])[0].subject == "Gate is open"


def test_mail_path_sends_one_test_mail_and_does_not_repeat_it(mail):
    mail[0].at("T-10m")
    assert values(mail, PATH) == {"test_mails_delivered": 1}
    assert values(mail, PATH) == {"test_mails_delivered": 1}
    assert len(mail[0].part.inbox("smoke@teei.example")) == 1
    mail[0].at("T+1h")
    mail[0].world.set("mail.relay_delivers", False)
    assert values(mail, PATH) == {"test_mails_delivered": 0}


def test_mail_path_without_relay_says_what_is_missing(mail):
    block = Brevo(**{**mail[0].fields["brevo/sandbox-mail"], "relay": None})
    with pytest.raises(PermanentFaultError, match="add `relay`"):
        block.answer(PATH, mail[0].occasion())


def test_relay_hands_over_with_an_id_made_from_the_key(mail):
    relay = SmtpRelay(**mail[0].fields["smtp-relay/sandbox-mail-relay"])
    assert isinstance(relay, Mailer)
    assert "takes the login" in relay.check()
    first = relay.send(TO, "Subject", "Grüße", key="a")
    assert relay.send(TO, "Subject", "Grüße", key="a") == first
    got = mail[0].part.inbox(TO[0])[0]
    assert (got.subject, got.text.strip(), got.message_id) == ("Subject", "Grüße", first)


def test_relay_that_refuses_the_login_is_permanent(mail):
    mail[0].world.set("mail.relay_login", False)
    relay = SmtpRelay(**mail[0].fields["smtp-relay/sandbox-mail-relay"])
    with pytest.raises(PermanentFaultError, match="535 login refused"):
        relay.send(TO, "Subject", "text", key="a")
    with pytest.raises(PermanentFaultError, match="535"):
        relay.check()


def test_relay_without_login_is_refused_as_permanent(mail):
    fields = mail[0].fields["smtp-relay/sandbox-mail-relay"]
    relay = SmtpRelay(**{**fields, "server": {**fields["server"], "login": ""}})
    with pytest.raises(PermanentFaultError, match="530"):
        relay.send(TO, "Subject", "text", key="a")


def test_relay_that_is_down_is_transient(mail):
    relay = SmtpRelay(**mail[0].fields["smtp-relay/sandbox-mail-relay"])
    mail[0].part.stop()
    with pytest.raises(TransientFaultError, match="no connection"):
        relay.send(TO, "Subject", "text", key="a")
