from datetime import timedelta

import pytest

from blocks.chat import SlackChat
from launch.effects.people import EditMessage, OpenRoom, PostMessage
from launch.errors import PermanentFaultError
from launch.ports import Chat, Standing
from launch.probes.people import ChatMessages, ChatRoom
from sandbox.parts.slack import SlackPart

LINK = "https://teei.zoom.us/j/1"
ROOM = OpenRoom(do="open-room", on="chat", channel="war-room", topic="Launch & learn", link=LINK)


@pytest.fixture
def slack(stage):
    built = stage(SlackPart())
    return built, SlackChat(**built.fields["slack-chat/sandbox-war-room"])


def opened(slack):
    built, chat = slack
    chat.apply(ROOM, built.at("T-2d").occasion("open"))
    return built, chat


def test_it_is_a_chat_and_knows_who_it_is(slack):
    assert isinstance(slack[1], Chat)
    assert slack[1].check() == "Slack team 'TEEI' knows this token as 'tminus'"


def test_room_is_opened_once_and_its_link_pinned(slack):
    built, chat = slack
    assert chat.observe(ROOM, built.occasion()).standing is Standing.ABSENT
    opened(slack)
    chat.apply(ROOM, built.occasion("open"))
    assert chat.observe(ROOM, built.occasion()).standing is Standing.HOLDS
    assert built.part.texts("war-room") == [f"Join the call: {LINK}"]


def test_half_opened_room_is_finished(slack):
    built, chat = opened(slack)
    built.world.set("slack.pins_removed", True)
    assert chat.observe(ROOM, built.occasion()).standing is Standing.ABSENT


def test_restore_archives_only_a_room_that_was_not_there(slack):
    built, chat = opened(slack)
    chat.restore(ROOM, {"existed": True}, built.occasion())
    assert chat.observe(ROOM, built.occasion()).standing is Standing.HOLDS
    chat.restore(ROOM, {"existed": False}, built.occasion())
    assert chat.observe_restored(ROOM, {"existed": False}, built.occasion()).standing is Standing.HOLDS
    chat.apply(ROOM, built.occasion("open"))
    assert chat.observe(ROOM, built.occasion()).standing is Standing.HOLDS


def test_same_key_is_one_message_another_key_another(slack):
    built, chat = opened(slack)
    first = chat.post("war-room", "hello", key="a")
    assert chat.post("war-room", "hello", key="a") == first
    assert first.startswith("https://")
    chat.post("war-room", "hello", key="b")
    assert built.part.texts("war-room")[1:] == ["hello", "hello"]


def test_text_is_escaped_and_channel_is_mentioned(slack):
    built, chat = opened(slack)
    chat.post("war-room", "@channel errors > 5 % & rising", key="a")
    assert built.part.texts("war-room")[-1] == "<!channel> errors &gt; 5 % &amp; rising"


def test_post_to_a_room_that_does_not_exist_yet_goes_to_the_lobby(slack):
    built, chat = slack
    chat.post("war-room", "gate is open", key="a")
    chat.post("war-room", "gate is open", key="a")
    assert built.part.texts("general") == ["(for #war-room, which does not exist yet) gate is open"]


def test_an_effects_message_in_the_lobby_is_found_edited_answered_and_taken_back(slack):
    built, chat = slack
    occasion = built.occasion("launch/live/1")
    live = PostMessage(do="post-message", on="chat", channel="war-room", message="live", text="LIVE")
    chat.apply(live, occasion)
    seen = chat.observe(live, occasion)
    assert (seen.standing, seen.detail.endswith("in #general")) == (Standing.HOLDS, True)
    reply = live.model_copy(update={"message": "more", "text": "all of it", "reply_to": "live"})
    chat.apply(reply, occasion)
    assert chat.observe(reply, occasion).standing is Standing.HOLDS
    edit = EditMessage(do="edit-message", on="chat", channel="war-room", message="live", text="LIVE since 7:00")
    chat.apply(edit, occasion)
    assert chat.observe(edit, occasion).standing is Standing.HOLDS
    chat.restore(live, {}, occasion)
    assert chat.observe_restored(live, {}, occasion).standing is Standing.HOLDS


def test_post_without_lobby_is_refused(slack):
    built, _ = slack
    chat = SlackChat(**{**built.fields["slack-chat/sandbox-war-room"], "lobby": ""})
    with pytest.raises(PermanentFaultError, match=r'"channel_not_found" to the post to #war-room; create the channel'):
        chat.post("war-room", "hello", key="a")


def test_message_is_observed_and_taken_back(slack):
    built, chat = opened(slack)
    effect = PostMessage(do="post-message", on="chat", channel="war-room", message="live", text="LIVE")
    occasion = built.occasion("launch/live/1")
    assert chat.observe(effect, occasion).standing is Standing.ABSENT
    chat.apply(effect, occasion)
    assert chat.observe(effect, occasion).standing is Standing.HOLDS
    second_attempt = built.occasion("launch/live/2")
    assert chat.observe(effect, second_attempt).standing is Standing.HOLDS
    chat.apply(effect, second_attempt)
    assert len(built.part.texts("war-room")) == 2
    chat.restore(effect, {}, second_attempt)
    assert chat.observe_restored(effect, {}, occasion).standing is Standing.HOLDS


def said(message, text="LIVE", reply_to=None):
    return PostMessage(do="post-message", on="chat", channel="war-room", message=message, text=text, reply_to=reply_to)


def edit(text, message="status"):
    return EditMessage(do="edit-message", on="chat", channel="war-room", message=message, text=text)


def test_a_reply_stands_in_its_thread_once_and_is_taken_back(slack):
    built, chat = opened(slack)
    occasion, reply = built.occasion("launch/reply/1"), said("done", "all pods are ready", reply_to="live")
    assert chat.observe(reply, occasion).standing is Standing.ABSENT
    with pytest.raises(PermanentFaultError, match="let the action that posts live come before this one"):
        chat.apply(reply, occasion)
    chat.apply(said("live"), occasion)
    for _ in range(2):
        chat.apply(reply, occasion)
        assert chat.observe(reply, occasion).standing is Standing.HOLDS
    assert built.part.texts("war-room")[1:] == ["LIVE", "all pods are ready"]
    probe = ChatMessages(ask="chat-messages", of="chat", channel="war-room", holding="all pods")
    assert chat.answer(probe, built.occasion()).values["messages"].value == 0, "a thread is not in the channel"
    chat.restore(reply, {}, occasion)
    assert chat.observe_restored(reply, {}, occasion).standing is Standing.HOLDS
    assert chat.observe(said("live"), occasion).standing is Standing.HOLDS


def test_a_reply_far_down_a_thread_is_found(slack, monkeypatch):
    monkeypatch.setattr("blocks.chat._PAGE", 2)
    built, chat = opened(slack)
    occasion = built.occasion("launch/reply/1")
    chat.apply(said("live"), occasion)
    for number in range(5):
        chat.apply(said(f"step-{number}", f"step {number}", reply_to="live"), occasion)
    assert chat.observe(said("step-4", reply_to="live"), occasion).standing is Standing.HOLDS
    assert chat.observe(said("step-5", reply_to="live"), occasion).standing is Standing.ABSENT


def test_a_message_is_edited_and_gets_its_words_back(slack):
    built, chat = opened(slack)
    occasion = built.occasion("launch/edit/1")
    chat.apply(said("status", "10 % <canary>"), occasion)
    before = chat.observe(edit("50 % & rising"), occasion)
    assert before.standing is Standing.ABSENT
    for _ in range(2):
        chat.apply(edit("50 % & rising"), occasion)
        assert chat.observe(edit("50 % & rising"), occasion).standing is Standing.HOLDS
    assert built.part.texts("war-room")[1:] == ["50 % &amp; rising"]
    chat.apply(said("status", "10 % <canary>"), occasion)
    assert len(built.part.texts("war-room")) == 2, "an edited message is still the one that was posted"
    assert chat.observe_restored(edit("50 % & rising"), before.state, occasion).standing is Standing.ABSENT
    chat.restore(edit("50 % & rising"), before.state, occasion)
    assert chat.observe_restored(edit("50 % & rising"), before.state, occasion).standing is Standing.HOLDS
    assert built.part.texts("war-room")[1:] == ["10 % &lt;canary&gt;"]


def test_a_message_that_was_never_posted_cannot_be_edited(slack):
    built, chat = opened(slack)
    for verb in (chat.observe, chat.apply):
        with pytest.raises(PermanentFaultError, match="let the action that posts status come before this one"):
            verb(edit("x"), built.occasion())


def test_room_reading_counts_hours_to_launch(slack):
    built, chat = opened(slack)
    reading = chat.answer(ChatRoom(ask="chat-room", of="chat", channel="war-room", link=LINK), built.occasion())
    assert reading.values["created_before_launch"].value == 48
    assert reading.values["rooms_open"].value == reading.values["links_pinned"].value == 1


def test_missing_room_has_no_age(slack):
    built, chat = slack
    reading = chat.answer(ChatRoom(ask="chat-room", of="chat", channel="war-room", link=LINK), built.occasion())
    assert set(reading.values) == {"rooms_open"}
    assert reading.values["rooms_open"].value == 0


@pytest.mark.parametrize(
    ("later", "phrase", "count"),
    [(timedelta(minutes=5), "is live", 1), (timedelta(hours=1), "is live", 0), (timedelta(0), "is dead", 0)],
)
def test_messages_are_counted_within_the_window(slack, later, phrase, count):
    built, chat = opened(slack)
    chat.post("war-room", "Platform is LIVE", key="a")
    built.now += later
    probe = ChatMessages(ask="chat-messages", of="chat", channel="war-room", holding=phrase)
    assert chat.answer(probe, built.occasion()).values["messages"].value == count


def test_messages_of_a_missing_room_are_no_reading(slack):
    built, chat = slack
    probe = ChatMessages(ask="chat-messages", of="chat", channel="nowhere", holding="x")
    assert chat.answer(probe, built.occasion()).values == {}
