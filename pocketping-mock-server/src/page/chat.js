// The visitor's side: PocketPing's widget protocol, over a WebSocket and, where there is none, by polling.

import { $, atEnd, classes, el, filesOf, fillMessage, messageNode, problem, sendsOnEnter, showOnly, sync, text, wordsOf } from "./dom.js";
import { answerOf, visitor, visitorSession, widgetEndpoint } from "./server.js";

const POLL = 2000;
const MOST_WAIT = 16000;
const TICKS = { sending: "sending…", sent: "✓ sent", delivered: "✓✓ delivered", read: "✓✓ read" };

const messages = new Map();
let endpoint = null;
let session = null;
let socket = null;
let began = 0;
let failures = 0;
let next = null;
let typing = null;
let lastKey = 0;
let sendingCount = 0;
let begins = null;

function ask(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-PocketPing-Version": "2.6.0" };
  return answerOf(() =>
    fetch(endpoint + path, { method, headers, body: body && JSON.stringify(body) }),
  );
}

function state(words, kind) {
  text($("chat-state"), words);
  classes($("chat-state"), `badge ${kind ?? ""}`.trim());
}

function show() {
  const shown = [...messages.values()].sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
  atEnd($("chat-log"), () =>
    sync($("chat-log"), shown, (message) => message.key ?? message.id, messageNode, (node, message) => {
      const isMine = message.sender === "visitor";
      fillMessage(node, {
        who: message.sender,
        words: [message.content, filesOf(message.attachments)].filter(Boolean).join("\n"),
        at: message.timestamp,
        marks: [message.editedAt && "edited", isMine && TICKS[message.status ?? "sent"]],
        isMine,
        isGone: Boolean(message.deletedAt),
      });
    }),
  );
  $("chat-empty").hidden = shown.length > 0;
}

/** Takes a message in, whether it is new or known by another name. */
function take(message) {
  const known = messages.get(message.id);
  if (!known && message.sender === "visitor") {
    const mine = [...messages.values()].find((it) => it.status === "sending" && it.content === message.content);
    if (mine) {
      messages.delete(mine.id);
      message = { ...message, key: mine.key };
    }
  }
  messages.set(message.id, { ...known, ...message });
  if (message.sender !== "visitor") text($("chat-typing"), "");
}

function hear(frame) {
  const data = frame.data ?? {};
  switch (frame.type) {
    case "message":
      take(data);
      break;
    case "message_edited":
    case "message_deleted": {
      const known = messages.get(data.messageId);
      if (known) messages.set(data.messageId, { ...known, ...data });
      break;
    }
    case "read":
      for (const id of data.messageIds ?? []) {
        const known = messages.get(id);
        if (known) messages.set(id, { ...known, status: data.status, readAt: data.readAt });
      }
      break;
    case "typing":
      if (data.sender === "visitor") return;
      text($("chat-typing"), data.isTyping ? `${data.sender === "ai" ? "The AI" : "An operator"} is typing…` : "");
      clearTimeout(typing);
      typing = setTimeout(() => text($("chat-typing"), ""), 8000);
      return;
    case "presence":
      about(data.online);
      return;
    case "csat_request":
      $("rating").hidden = false;
      return;
    case "version_warning":
      problem($("chat-problem"), data.message);
      return;
    default:
      return;
  }
  show();
  haveRead();
}

function about(isOnline) {
  text($("chat-about"), `${session}: operators are ${isOnline ? "online" : "away"}.`);
}

/** As the widget does: what others wrote is read a second after it is seen. */
function haveRead() {
  const unread = () =>
    [...messages.values()].filter((it) => it.sender !== "visitor" && it.status !== "read" && !it.deletedAt).map((it) => it.id);
  if (document.hidden || unread().length === 0) return;
  const of = session;
  setTimeout(async () => {
    const messageIds = unread();
    if (messageIds.length === 0 || of !== session || document.hidden) return;
    try {
      await ask("POST", "/read", { sessionId: of, messageIds, status: "read" });
      for (const id of messageIds) {
        const known = messages.get(id);
        if (known) messages.set(id, { ...known, status: "read" });
      }
    } catch {
      // The next message asks again.
    }
  }, 1000);
}

/** Connects as the widget does: who I am and where, then the stream. */
async function connect() {
  endpoint = await widgetEndpoint();
  if (!visitor.get()) visitor.set(`page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`);
  const metadata = {
    url: location.origin + location.pathname,
    userAgent: navigator.userAgent,
    language: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    screenResolution: `${screen.width}x${screen.height}`,
    pageTitle: document.title,
  };
  const hello = await ask("POST", "/connect", { visitorId: visitor.get(), sessionId: visitorSession.get() || null, metadata });
  session = hello.sessionId;
  began = Date.now();
  visitorSession.set(session);
  begins(session);
  hello.messages.forEach(take);
  about(hello.operatorOnline);
  show();
  haveRead();
  listen();
}

function listen() {
  const of = session;
  const url = `${location.origin.replace(/^http/, "ws")}${endpoint}/stream?sessionId=${encodeURIComponent(of)}`;
  socket = new WebSocket(url);
  const mine = socket;
  mine.onopen = () => {
    failures = 0;
    state("live", "good");
  };
  mine.onmessage = (event) => hear(JSON.parse(event.data));
  mine.onclose = () => {
    if (mine !== socket) return;
    socket = null;
    failures += 1;
    state("polling", "warn");
    poll(of, Date.now() + Math.min(MOST_WAIT, 500 * 2 ** failures));
  };
}

/** Asks again and again, until it is time to try the socket once more. A session that is gone is forgotten. */
async function poll(of, until) {
  if (of !== session) return;
  try {
    const { messages: all } = await ask("GET", `/messages?sessionId=${encodeURIComponent(of)}`);
    if (of !== session) return;
    all.forEach(take);
    show();
    haveRead();
    state("polling", "warn");
  } catch (error) {
    if (of !== session) return;
    if (error.status === 404) return forget();
    state("cut off", "bad");
  }
  if (of !== session) return;
  if (Date.now() >= until) listen();
  else next = setTimeout(() => poll(of, until), Math.min(POLL, until - Date.now()));
}

/** Nobody is there any more, and nothing was said. */
function forget() {
  const old = socket;
  [session, socket, failures] = [null, null, 0];
  clearTimeout(next);
  messages.clear();
  visitorSession.set("");
  old?.close();
  showOnly($("rating"), false, $("chat-text"));
  text($("chat-about"), "");
  text($("chat-typing"), "");
  problem($("chat-problem"), "");
  state("not connected");
  show();
}

function leave() {
  if (!session) return;
  const body = { sessionId: session, duration: Math.round((Date.now() - began) / 1000), reason: "page_unload" };
  navigator.sendBeacon(`${endpoint}/disconnect`, new Blob([JSON.stringify(body)], { type: "application/json" }));
}

async function say(event) {
  event.preventDefault();
  const content = wordsOf($("chat-text"));
  if (!content) return;
  $("chat-text").value = "";
  sendingCount += 1;
  const id = `temp-${sendingCount}`;
  problem($("chat-problem"), "");
  try {
    if (!session) await connect();
    messages.set(id, { id, key: id, content, sender: "visitor", timestamp: "9", status: "sending" });
    show();
    const said = await ask("POST", "/message", { sessionId: session, content, sender: "visitor", attachmentIds: [] });
    messages.delete(id);
    if (!messages.has(said.messageId)) {
      messages.set(said.messageId, { id: said.messageId, key: id, content, sender: "visitor", timestamp: said.timestamp, status: "sent" });
    }
  } catch (error) {
    messages.delete(id);
    if (!$("chat-text").value) $("chat-text").value = content;
    problem($("chat-problem"), `Not sent: ${error.message}`);
  }
  show();
  $("chat-log").scrollTop = $("chat-log").scrollHeight;
}

function types() {
  if (!session || !$("chat-text").value.trim() || Date.now() - lastKey < 1000) return;
  lastKey = Date.now();
  ask("POST", "/typing", { sessionId: session, sender: "visitor", isTyping: true }).catch(() => {});
}

async function rate(event) {
  event.preventDefault();
  const score = Number(new FormData($("rating")).get("score"));
  if (!score) return problem($("chat-problem"), "Choose a number from 1 to 5 first.");
  const comment = $("rating-comment").value.trim();
  try {
    await ask("POST", "/csat", { sessionId: session, score, ...(comment && { comment }) });
    showOnly($("rating"), false, $("chat-text"));
    $("rating").reset();
    problem($("chat-problem"), "");
  } catch (error) {
    problem($("chat-problem"), `Not rated: ${error.message}`);
  }
}

/** Another endpoint, or a new beginning: the visitor of before leaves, with what they did not send. */
export function anotherVisitor() {
  leave();
  $("chat-text").value = "";
  visitor.set("");
  forget();
}

/** Wires the chat up; `onSession` hears which session the visitor is in. */
export function startChat(onSession) {
  begins = onSession;
  for (const score of [1, 2, 3, 4, 5]) {
    $("scores").append(el("label", { class: "check" }, el("input", { type: "radio", name: "score", value: score }), String(score)));
  }
  $("chat-form").addEventListener("submit", say);
  $("chat-text").addEventListener("input", types);
  sendsOnEnter($("chat-text"));
  $("rating").addEventListener("submit", rate);
  $("rating-later").addEventListener("click", () => showOnly($("rating"), false, $("chat-text")));
  $("chat-new").addEventListener("click", () => {
    anotherVisitor();
    $("chat-text").focus();
  });
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => session && haveRead());
}

/** Goes on with what this tab had before a reload, when the server still knows it. */
export async function resumeChat(isKnown) {
  if (session || !visitorSession.get()) return;
  if (!isKnown(visitorSession.get())) return visitorSession.set("");
  try {
    await connect();
  } catch (error) {
    problem($("chat-problem"), `Not connected: ${error.message}`);
  }
}
