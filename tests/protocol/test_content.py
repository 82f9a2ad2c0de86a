"""What may be in a prompt, all the way to the request that the model's service gets."""

from __future__ import annotations

import base64
import json
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.http_server import Answer, HttpServer, http_server
from tests.support.pictures import encoded, noise, opened, picture
from tests.support.session import new_session, reopen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

REQUESTS = 4
"""That the model's service answers in one test."""
ONE_MIB = 1 << 20
NOTICES: JsonObject = {"session": {"notices": {}}, "fs": {"readTextFile": True, "writeTextFile": True}}
SMALL = picture("RGB", (9, 9), "PNG")


def text(words: str) -> JsonObject:
    return {"type": "text", "text": words}


def image(data: bytes, mime_type: str = "image/png", **more: object) -> JsonObject:
    return {"type": "image", "data": encoded(data), "mimeType": mime_type, **more}


def blob(uri: str, data: bytes, mime_type: str | None = None) -> JsonObject:
    return {"type": "resource", "resource": {"uri": uri, "blob": encoded(data), "mimeType": mime_type}}


def link(uri: str, **more: object) -> JsonObject:
    return {"type": "resource_link", "uri": uri, "name": uri.rpartition("/")[2], **more}


class Asked:
    """A session with a model behind HTTP."""

    def __init__(self, session: Session, server: HttpServer) -> None:
        self.session = session
        self.server = server

    async def prompt(self, *blocks: JsonObject) -> object:
        """What the model was sent as the user's message."""
        turn = await self.session.prompt(list(blocks))
        assert turn.stop_reason == "end_turn"
        messages = cast("list[JsonObject]", self.server.requests[-1].body["messages"])
        (*_, user) = [message["content"] for message in messages if message["role"] == "user"]
        return user

    async def words(self, *blocks: JsonObject) -> str:
        user = await self.prompt(*blocks)
        assert isinstance(user, str)
        return user

    @property
    def notices(self) -> list[str]:
        return [update["title"] for update in self.session.updates("notice")]


@asynccontextmanager
async def asked(workbench: Workbench, launch: Launch, **entry: object) -> AsyncGenerator[Asked]:
    event = {"choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}]}
    answer = Answer([b"data: " + json.dumps(event).encode() + b"\n\n", b"data: [DONE]\n\n"])
    async with http_server(*[answer] * REQUESTS) as server:
        provider = {"provider_type": "custom", "base_url": f"{server.url}/v1", "model": "m", **entry}
        workbench.settle({"provider": "here", "providers": {"here": provider}})
        yield Asked(await new_session(await launch(NOTICES), workbench.project), server)


def pictures_in(user: object) -> list[bytes]:
    assert isinstance(user, list)
    urls = [part["image_url"]["url"] for part in cast("list[Any]", user) if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(";base64,")[2]) for url in urls]


@pytest.mark.requirement("prompt.image")
async def test_images_reach_the_model(workbench: Workbench, launch: Launch) -> None:
    async with asked(workbench, launch) as here:
        user = await here.prompt(
            text("What is this?"), image(SMALL), text("And this?"), image(SMALL, uri="file:///x.png")
        )
        url = f"data:image/png;base64,{encoded(SMALL)}"
        shown = {"type": "image_url", "image_url": {"url": url}}
        assert user == [
            text("What is this?"), shown, text("And this?\n\nImage /x.png:"), shown
        ]  # fmt: skip
        assert here.notices == []
        assert await here.words(text("no image")) == "no image"


@pytest.mark.requirement("prompt.image")
async def test_a_large_image_is_made_smaller_and_kept_so(workbench: Workbench, launch: Launch) -> None:
    large = noise((2400, 1600), "JPEG")
    async with asked(workbench, launch) as here:
        (sent,) = pictures_in(await here.prompt(text("look"), image(large, "image/png")))
        assert max(opened(sent).size) <= 1568
        assert len(sent) <= 512 << 10 < len(large)
        journal = "".join(path.read_text(encoding="utf-8") for path in workbench.data.rglob("*.jsonl"))
        assert encoded(sent) in journal
        assert encoded(large)[:1000] not in journal


@pytest.mark.requirement("prompt.blind-model")
@pytest.mark.parametrize("entry", [{"model": "deepseek-chat"}, {"vision": False}], ids=["known", "set"])
async def test_a_model_that_cannot_see(workbench: Workbench, launch: Launch, entry: JsonObject) -> None:
    async with asked(workbench, launch, **entry) as here:
        words = await here.words(text("What is this?"), image(SMALL))
        assert words.startswith("What is this?\n\n(The user gave an image which you cannot see")
        (notice,) = here.notices
        assert f"here/{entry.get('model', 'm')} cannot see images" in notice
        assert "choose a model that can" in notice


@pytest.mark.requirement("prompt.blind-model")
async def test_a_client_without_notices_is_told_too(workbench: Workbench, launch: Launch) -> None:
    workbench.configure({"vision": False, "rules": [], "otherwise": [{"text": "ok"}]})
    session = await new_session(await launch(), workbench.project)
    turn = await session.prompt([text("look"), image(SMALL)])
    assert (turn.stop_reason, turn.text) == ("end_turn", "ok")
    assert "script/script cannot see images" in turn.thoughts


@pytest.mark.requirement("prompt.broken-image")
async def test_images_that_cannot_be_used(
    workbench: Workbench, launch: Launch, subtests: pytest.Subtests
) -> None:
    bomb = picture("1", (30_000, 30_000), "PNG")
    async with asked(workbench, launch) as here:
        broken = [
            (image(noise((300, 300), "PNG")[:5000]), "it is damaged"),
            (image(b"<svg/>", "image/svg+xml"), "it is no PNG, JPEG, GIF or WebP image"),
            (image(bomb), "it has 900 megapixels"),
            ({"type": "image", "data": "*", "mimeType": "image/png"}, "it is not valid base64"),
        ]
        for number, (block, why) in enumerate(broken):
            with subtests.test(why):
                assert why in await here.words(text("look"), block)
                assert why in here.notices[number]


@pytest.mark.requirement("prompt.embedded-bytes")
async def test_embedded_bytes(workbench: Workbench, launch: Launch) -> None:
    async with asked(workbench, launch) as here:
        user = await here.prompt(blob("file:///p/logo.png", SMALL, "image/png"))
        assert pictures_in(user) == [SMALL]
        written = await here.words(blob("file:///p/a.json", b'{"a": 1}', "application/json"))
        assert written == '<resource uri="file:///p/a.json">\n{"a": 1}\n</resource>'
        pdf = await here.words(blob("file:///p/a%20b.pdf", b"%PDF\0\1", "application/pdf"))
        assert pdf.startswith("The user points at /p/a b.pdf (")
        assert "application/pdf; 6 bytes; its content is binary" in pdf


@pytest.mark.requirement("prompt.lazy-link")
async def test_links_are_told_of(workbench: Workbench, launch: Launch) -> None:
    path = workbench.write("with blank.txt", "geheim\n")
    async with asked(workbench, launch) as here:
        url = f"{here.server.url}/page"
        words = await here.words(
            link(path.as_uri(), mimeType="text/plain"), link(url), link("file:///gone.txt"), link("odd:x")
        )
        first, second, third, fourth = words.split("\n\n")
        assert first == f"The user points at {path} (with%20blank.txt; text/plain; 7 bytes)"
        assert second == f"The user points at {url} (it cannot be opened from here)"
        assert third == "The user points at /gone.txt (it is not there)"
        assert fourth == "The user points at odd:x (it cannot be opened from here)"
        assert [request.path for request in here.server.requests] == ["/v1/chat/completions"]
        assert here.session.client.calls("fs/read_text_file") == []


@pytest.mark.requirement("prompt.mentions")
async def test_mentions(workbench: Workbench, launch: Launch) -> None:
    path = workbench.project / "a.txt"
    (workbench.project / "logo.png").write_bytes(SMALL)
    async with asked(workbench, launch) as here:
        words = await here.words(text("Compare @a.txt:2-3 and @b.txt, me@b.txt"))
        assert words == (
            "Compare @a.txt:2-3 and @b.txt, me@b.txt\n\n"
            f'<resource uri="{path.as_uri()}">\n(lines 2-3 of 5)\n2: beta\n3: gamma\n</resource>\n\n'
            f'<resource uri="{path.with_name("b.txt").as_uri()}">\n1: one\n2: two\n</resource>'
        )
        given = {"type": "resource", "resource": {"uri": path.as_uri(), "text": "as the client has it"}}
        assert (await here.words(text("@a.txt"), given)).count("<resource") == 1
        assert pictures_in(await here.prompt(text("@logo.png"))) == [SMALL]
        assert here.notices == []
        assert here.session.updates("tool_call") == []


@pytest.mark.requirement("prompt.mentions")
async def test_the_diff(workbench: Workbench, launch: Launch) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=workbench.project, check=True, timeout=30)

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    workbench.write("a.txt", "changed\n")
    async with asked(workbench, launch) as here:
        assert "+changed" in await here.words(text("review @diff"))


@pytest.mark.requirement("prompt.mentions")
async def test_a_mention_is_read_from_the_editor_and_may_be_edited(session: Session) -> None:
    session.client.handlers["fs/read_text_file"] = held({str(session.cwd / "a.txt"): "typed, not saved\n"})
    turn = await session.prompt("write a.txt over, see @a.txt")
    assert turn.call.states[-1] == "completed", "it counts as read"
    assert turn.call.diff["oldText"] == "typed, not saved\n"


def held(buffers: dict[str, str]) -> Any:
    async def answer(params: JsonObject) -> JsonObject:
        return {"content": buffers[params["path"]]}

    return answer


@pytest.mark.requirement("prompt.mentions-obey")
async def test_mentions_obey_the_read_rules(workbench: Workbench, launch: Launch) -> None:
    outside = workbench.root / "outside.txt"
    for path in (outside, workbench.project / ".env"):
        path.write_text("geheim\n", encoding="utf-8")
    (workbench.project / "link.txt").symlink_to(outside)
    async with asked(workbench, launch) as here:
        words = await here.words(text("@../outside.txt @link.txt @.env"))
        assert "geheim" not in words
        assert words.count("(not included: ") == 2  # both names are the same file
        assert "is outside the workspace; the read tool asks)" in words
        assert "usually holds secrets; the read tool asks)" in words
        assert len(here.notices) == 2
        assert here.session.client.calls("session/request_permission") == []


@pytest.mark.requirement("prompt.content-replayed")
async def test_what_was_sent_is_shown_again(workbench: Workbench, launch: Launch) -> None:
    path: Path = workbench.project / "b.txt"
    blocks = [
        text("see @a.txt"),
        image(SMALL, uri="file:///x.png"),
        {"type": "resource", "resource": {"uri": path.as_uri(), "text": "words", "mimeType": "text/plain"}},
        link(path.as_uri(), mimeType="text/plain", size=8),
    ]
    async with asked(workbench, launch) as here:
        await here.prompt(*blocks)
        await here.prompt(image(noise((1500, 1500), "PNG")))
        await here.session.client.ask("session/close", {"sessionId": here.session.id})
        client = await launch()
        loaded = await reopen("session/load", client, here.session)
        shown = loaded.updates("user_message_chunk", stop=loaded.reply.at)
        assert [update["content"] for update in shown][:-1] == blocks
        assert len({update["messageId"] for update in shown}) == 2
        assert shown[-1]["content"]["type"] == "image"
        assert max(len(line.raw) for line in client.wire.lines) < ONE_MIB


@pytest.mark.requirement("rpc.reader-never-blocked")
async def test_a_large_image_holds_nobody_up(workbench: Workbench, launch: Launch) -> None:
    async with asked(workbench, launch) as here:
        prompt = await here.session.start([text("look"), image(noise((2000, 2000), "PNG"))])
        await here.session.cancel()
        assert (await prompt.end()).stop_reason == "cancelled"
        assert await here.words(text("and now?")) == "and now?"
