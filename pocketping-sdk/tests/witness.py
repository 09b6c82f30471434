"""The witness of `it/witness.rs`: what PocketPing's own package for Python sends and signs.

`version`: which package there is. `tell URL`: what two visitors do, told to that webhook and signed with the secret of
the environment, if there is one; printed are their sessions. `sign`: one `{"secret", "body"}` a line, both in
hexadecimal; printed is what Python's own hmac makes of it.
"""

import asyncio
import hashlib
import hmac
import json
import os
import sys
from importlib.metadata import version


def sign():
    for line in sys.stdin:
        asked = {name: bytes.fromhex(text) for name, text in json.loads(line).items()}
        print(hmac.new(asked["secret"], asked["body"], hashlib.sha256).hexdigest())


async def sent():
    """Deliveries are tasks that nobody waits for; here their order counts."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))


async def tell(url):
    from pocketping import ConnectRequest, CsatRequest, CustomEvent, PocketPing, SessionMetadata
    from pocketping.models import IdentifyRequest, UserIdentity

    site = PocketPing(webhook_url=url, webhook_secret=os.environ.get("WITNESS_SECRET"))
    metadata = SessionMetadata(url="https://example.com/pricing", userAgent="Mozilla/5.0")
    session = (await site.handle_connect(ConnectRequest(visitorId="visitor-1", metadata=metadata))).session_id
    data = {"plan": "pro", "words": 'Grüße, "Ünïcode" / 💬\n', "seats": 3}
    await site.handle_custom_event(session, CustomEvent(name="clicked_cta", data=data))
    await sent()
    identity = UserIdentity(id="u1", email="ada@example.com", name="Ada Lovelace", plan="pro")
    await site.handle_identify(IdentifyRequest(sessionId=session, identity=identity))
    await sent()
    await site.handle_csat(CsatRequest(sessionId=session, score=5, comment="Très bien, merci 👍"))
    await sent()
    other = (await site.handle_connect(ConnectRequest(visitorId="visitor-2"))).session_id
    await site.handle_csat(CsatRequest(sessionId=other, score=1))
    await sent()
    print(session, other)


if sys.argv[1] == "version":
    print(version("pocketping"))
elif sys.argv[1] == "tell":
    asyncio.run(tell(sys.argv[2]))
elif sys.argv[1] == "sign":
    sign()
