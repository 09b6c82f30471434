// The developer's side: sessions, the messages of one of them, and the answer box. All of it over the control surface.

import { $, atEnd, classes, clockTime, el, filesOf, fillMessage, messageNode, rests, sendsOnEnter, showOnly, sync, text, wordsOf } from "./dom.js";
import { chosen, mock } from "./server.js";

/** By id: each with its last message. */
const sessions = new Map();
let conversation = { of: null, revision: 0, messages: [] };
let selected = null;
let followed = null;
/** In which session somebody types, and since when that is said. */
let typesIn = null;
let typed = 0;
let stopsTyping = null;
/** Which conversation the answer box is for, and what was typed for the others. */
let box = null;
const drafts = new Map();
let act = null;

const at = (id) => `/sessions/${encodeURIComponent(id)}/operator`;
/** A conversation, also among those of other tenants and of a server that began anew with the same ids. */
const keyOf = ({ id, visitorId, createdAt }) => JSON.stringify([chosen.tenant, id, visitorId, createdAt]);
const nameOf = (session) => session.identity?.name ?? session.identity?.email ?? session.id;
const current = () => sessions.get(selected)?.session;

function sessionNode({ session }) {
  const choose = () => select(session.id);
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", on: { click: choose } },
      el("span", { class: "who" }),
      el("span", { class: "last" }),
      el("span", { class: "bar" }, el("span", { class: "quiet" }), el("span", { class: "badge warn" }, "unanswered")),
    ),
  );
}

function fillSession(node, { session, last: words }) {
  const button = node.firstElementChild;
  const [who, last, foot] = button.children;
  button.setAttribute("aria-pressed", String(session.id === selected));
  text(who, nameOf(session));
  text(last, words ? words.content || filesOf(words.attachments) : "nothing said yet");
  const state = session.status === "closed" ? "closed" : session.visitorOnline ? "online" : "away";
  const isDraft = session.id !== selected && drafts.has(keyOf(session));
  text(foot.firstElementChild, [clockTime(session.lastActivity), state, isDraft && "draft"].filter(Boolean).join(" · "));
  foot.lastElementChild.hidden = session.status === "closed" || !session.unanswered;
}

/** The answer box goes along with the session: what was typed for one is never sent to another. */
function choose(id) {
  const session = sessions.get(id)?.session;
  const key = session ? keyOf(session) : null;
  if (key !== box) {
    tellTyping(false);
    keepDraft(box, $("answer-text").value);
    box = key;
    $("answer-text").value = drafts.get(key) ?? "";
    $("messages").replaceChildren();
  }
  selected = session ? id : null;
}

function keepDraft(key, words) {
  if (!key) return;
  if (words) drafts.set(key, words);
  else drafts.delete(key);
}

/** Nothing is known of the sessions any more: the tenant is about to be another. */
export function leaveSessions() {
  sessions.clear();
  choose(null);
  show();
}

function select(id) {
  followed = null;
  choose(id);
  show();
  act(async () => {});
  if (!$("answer-form").hidden) $("answer-text").focus();
}

function aboutOf(session) {
  const { identity, metadata } = session;
  const rating = session.csat?.score && `rated ${session.csat.score} of 5${session.csat.comment ? `: “${session.csat.comment}”` : ""}`;
  return [nameOf(session) !== session.id && session.id, identity?.email, metadata?.pageUrl, metadata?.browser, rating].filter(Boolean).join(" · ");
}

function show() {
  const shown = [...sessions.values()].reverse().sort(byActivity);
  sync($("sessions"), shown, ({ session }) => session.id, sessionNode, fillSession);
  text($("session-count"), sessions.size);
  $("sessions-empty").hidden = sessions.size > 0;
  const session = current();
  showOnly($("session-actions"), session, $("answer-heading"));
  $("session-state").hidden = !session;
  showOnly($("answer-form"), session && session.status !== "closed", $("answer-heading"));
  if (!session) {
    text($("answer-heading"), "Conversation");
    text($("session-about"), "Choose a session to see it and answer.");
    $("messages").replaceChildren();
    return;
  }
  text($("answer-heading"), nameOf(session));
  text($("answer-label"), `Answer ${nameOf(session)} as an operator`);
  text($("session-state"), session.status);
  classes($("session-state"), `badge ${session.status === "closed" ? "" : "good"}`.trim());
  text($("session-about"), aboutOf(session) + (session.status === "closed" ? " · It opens again when its visitor writes." : ""));
  $("ai").checked = session.aiEnabled ?? true;
  rests($("close-session"), session.status === "closed");
  atEnd($("messages"), () =>
    sync($("messages"), conversation.of === selected ? conversation.messages : [], (message) => message.id, messageNode, (node, message) => {
      const isTheirs = message.type === "visitor";
      fillMessage(node, {
        who: message.type,
        words: [message.content, filesOf(message.attachments)].filter(Boolean).join("\n"),
        at: message.createdAt,
        marks: [message.editedAt && "edited", message.type === "operator" && (message.readAt ? "✓✓ read" : "✓ sent"), isTheirs && message.readAt && "read"],
        isMine: message.type === "operator" || message.type === "ai",
        isGone: Boolean(message.deletedAt),
      });
    }),
  );
}

/** The last activity first; of those at the same time, as under a frozen clock, the newest session. */
const byActivity = ({ session: a }, { session: b }) => (b.lastActivity ?? "").localeCompare(a.lastActivity ?? "");

/** Shows what is new. Where none is chosen, the first one is. */
export function showSessions({ whole, sessions: changed, conversation: said }) {
  if (whole) {
    sessions.clear();
    conversation = { of: null, revision: 0, messages: [] };
  }
  for (const it of changed) sessions.set(it.session.id, it);
  if (said) conversation = { ...said, of: said.sessionId };
  const [isFollowed, first] = [sessions.has(followed), [...sessions.values()].reverse().sort(byActivity)[0]];
  choose(isFollowed ? followed : sessions.has(selected) ? selected : first?.session.id);
  if (isFollowed) followed = null;
  if (whole || said || changed.length > 0) show();
}

/** Whose messages are wanted, and what is known of them. */
export const wantedConversation = () => ({ session: selected, has: conversation.of === selected ? conversation.revision : 0 });

export const isSession = (id) => sessions.has(id);

/** Shows this session as soon as it is there, unless somebody writes an answer in another. */
export function follow(id) {
  if (!$("answer-text").value) followed = id;
}

export const chosenSession = () => selected;

async function answer(event) {
  event.preventDefault();
  const content = wordsOf($("answer-text"));
  if (!content || !selected) return;
  const [of, key] = [selected, box];
  $("answer-text").value = "";
  await tellTyping(false);
  const isSent = await act(() => mock("POST", `${at(of)}/say`, { content }));
  // What was not sent is for that session only, whichever is shown by now.
  if (!isSent && key === box) $("answer-text").value ||= content;
  else if (!isSent) keepDraft(key, drafts.get(key) ?? content);
  $("messages").scrollTop = $("messages").scrollHeight;
}

/** The visitor sees that somebody types, and that nobody does three seconds after the last key. */
async function tellTyping(isTyping) {
  clearTimeout(stopsTyping);
  const of = isTyping ? selected : typesIn;
  if (!of) return;
  if (isTyping) stopsTyping = setTimeout(() => tellTyping(false), 3000);
  if (isTyping && typesIn === of && Date.now() - typed < 3000) return;
  [typesIn, typed] = isTyping ? [of, Date.now()] : [null, 0];
  await mock("POST", `${at(of)}/type`, { isTyping }).catch(() => {});
}

/** Wires the desk up; `doing` runs an action, shows what went wrong, and looks again. */
export function startDesk(doing) {
  act = doing;
  $("answer-form").addEventListener("submit", answer);
  $("answer-text").addEventListener("input", () => $("answer-text").value.trim() && tellTyping(true));
  sendsOnEnter($("answer-text"));
  $("ai").addEventListener("change", async () => {
    await act(() => mock("POST", `${at(selected)}/ai`, { enabled: $("ai").checked }));
    show();
  });
  $("mark-read").addEventListener("click", () => act(() => mock("POST", `${at(selected)}/read`), "Marked as read."));
  $("ask-rating").addEventListener("click", () => act(() => mock("POST", `${at(selected)}/ask-for-rating`), "The visitor is asked for a rating."));
  $("close-session").addEventListener("click", () => act(() => mock("POST", `${at(selected)}/close`), "The session is closed."));
}
