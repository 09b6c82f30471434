// The tools: events, clock, faults, deliveries, recorded requests, snapshots, snippets.

import { $, clockTime, el, rests, sync, text, wordsOf } from "./dom.js";
import { apiKey, endpointNow, mock } from "./server.js";

let act = null;
/** How much of what goes on and on is shown. */
const SHOWN = 100;

const API = { surface: "contract" };
const SEND = { ...API, method: "POST", route: "/sessions/:sessionId/messages" };
const WIDGET = { surface: "widget" };
/** By what they happen to; the words say what is hit, how, and how often. */
const FAULTS = {
  "api-faults": [
    ["The API’s next send answers 503", { on: SEND, do: { kind: "status", status: 503 }, times: 1 }],
    ["The API’s next send is kept, its answer lost", { on: SEND, do: { kind: "apply-then-drop" }, times: 1 }],
    ["The next API call answers 429, Retry-After 2 s", { on: API, do: { kind: "status", status: 429, retryAfter: 2 }, times: 1 }],
    ["Every API call answers 503", { on: API, do: { kind: "status", status: 503 }, times: "always" }],
    ["Every API call takes 2 s", { on: API, do: { kind: "latency", time: "2s" }, times: "always" }],
    ["The next event cuts a socket at /ws", { on: API, do: { kind: "cut" }, times: 1 }],
  ],
  "widget-faults": [
    ["Every widget call answers 503", { on: WIDGET, do: { kind: "status", status: 503 }, times: "always" }],
    ["Every widget call takes 2 s", { on: WIDGET, do: { kind: "latency", time: "2s" }, times: "always" }],
    ["The next frame cuts the visitor’s stream", { on: WIDGET, do: { kind: "cut" }, times: 1 }],
  ],
};

/** An entry of one or more lines, and what can be done with it. */
function line(button) {
  return el("li", {}, el("span", { class: "meta" }), " ", el("span"), " ", button ?? null);
}

function fillLine(node, meta, words, isBad) {
  const [first, second] = node.children;
  text(first, meta);
  text(second, words);
  second.classList.toggle("bad", Boolean(isBad));
}

function summary(event) {
  const message = event.message;
  if (message) return `${message.type}: ${message.deletedAt ? "(deleted)" : message.content}`;
  const session = event.session;
  if (session) return [session.id, session.status, session.visitorOnline === false && "visitor left"].filter(Boolean).join(", ");
  return event.sessionId ?? "";
}

/** The last ones, the newest first. */
let events = [];

export function showEvents({ whole, events: { last, new: more } }) {
  if (!whole && more.length === 0) return;
  const first = last - more.length + 1;
  const numbered = more.map((event, index) => ({ number: first + index, event })).reverse();
  events = [...numbered, ...(whole ? [] : events)].slice(0, SHOWN);
  const fill = (node, { event }) => fillLine(node, event.type, summary(event));
  sync($("events"), events, ({ number }) => number, () => line(), fill);
  text($("event-count"), last);
  $("events-empty").hidden = last > 0;
}

export function showClock(clock) {
  text($("now"), clock.now.replace("T", " ").replace(/\.\d+/, "").replace("Z", " UTC"));
  $("now").dateTime = clock.now;
  text($("clock-state"), clock.frozen ? "frozen" : "running");
  rests($("freeze"), clock.frozen);
  rests($("run"), !clock.frozen);
}

const attempt = ({ at, status, error }) => `${clockTime(at)} ${status ?? error}`;

export function showDeliveries(deliveries) {
  const make = (delivery) => {
    const again = () => act(() => mock("POST", `/deliveries/${encodeURIComponent(delivery.id)}/redeliver`), "It is delivered once more.");
    const label = `Redeliver ${delivery.id}`;
    return line(el("button", { type: "button", class: "small", "aria-label": label, on: { click: again } }, "Redeliver"));
  };
  sync($("deliveries"), [...deliveries].reverse(), (delivery) => delivery.id, make, (node, delivery) => {
    const tried = delivery.attempts.map(attempt).join(" → ") || "not tried yet";
    fillLine(node, `${delivery.event} to ${delivery.url}`, `${delivery.state}: ${tried}`, delivery.state === "failed");
    rests(node.querySelector("button"), delivery.state === "pending");
  });
  text($("delivery-count"), deliveries.length);
  $("deliveries-empty").hidden = deliveries.length > 0;
}

export function showSnapshots(names) {
  const make = (name) => {
    const button = (words, does) =>
      el("button", { type: "button", class: "small", "aria-label": `${words} ${name}`, on: { click: does } }, words);
    const path = `/snapshots/${encodeURIComponent(name)}`;
    return el(
      "li",
      { class: "row" },
      el("span", {}, name),
      button("Restore", () => act(() => mock("POST", `${path}/restore`), `${name} is restored.`)),
      button("Forget", () => act(() => mock("DELETE", path), `${name} is forgotten.`)),
    );
  };
  sync($("snapshots"), names, (name) => name, make, () => {});
  text($("snapshot-count"), names.length);
}

/** What a fault does and where, in a line. */
function faultWords(fault) {
  const { kind, ...rest } = fault.do ?? {};
  const shown = Object.entries(rest).sort(([name]) => (name === kind ? -1 : 0));
  const more = shown.map(([name, value]) => `${name === kind ? "" : `${name} `}${typeof value === "object" ? JSON.stringify(value) : value}`);
  const on = fault.on ?? {};
  const where = [on.surface ?? "contract", on.method, on.route].filter(Boolean).join(" ");
  return `${[kind, ...more].join(" ")}, on ${where}`;
}

export function showFaults(faults) {
  const make = (fault) => {
    const off = () => act(() => mock("DELETE", `/faults/${encodeURIComponent(fault.id)}`), "The fault is off.");
    return line(el("button", { type: "button", class: "small", "aria-label": `Switch off ${faultWords(fault)}`, on: { click: off } }, "Off"));
  };
  sync($("faults"), faults, (fault) => fault.id, make, (node, fault) => {
    const left = fault.left === 0 ? "happened:" : fault.left === "always" ? "always" : `${fault.left} ×`;
    fillLine(node, left, faultWords(fault));
  });
  text($("fault-count"), faults.filter((fault) => fault.left !== 0).length);
  rests($("clear-faults"), faults.length === 0);
}

/** The last ones, the newest first. */
let requests = [];

/** Adds the new ones, and takes away what the journal keeps no more; without one there is nothing to show. */
export function showRequests({ whole, requests: kept }) {
  if (!kept) return text($("requests-empty"), "This server keeps no journal.");
  const known = new Set((kept.entries ?? []).map((entry) => entry.number));
  const before = whole ? [] : requests.filter((entry) => entry.number >= kept.first && !known.has(entry.number));
  if (known.size === 0 && before.length === requests.length) return;
  requests = [...(kept.entries ?? []), ...before].sort((a, b) => b.number - a.number).slice(0, SHOWN);
  const make = () => el("li", {}, el("details", {}, el("summary"), el("pre")));
  const words = (body) => (body == null || body === "" ? "" : typeof body === "string" ? body : JSON.stringify(body, null, 2));
  sync($("requests"), requests, (entry) => entry.number, make, (node, entry) => {
    const [head, body] = node.firstElementChild.children;
    text(head, `${clockTime(entry.at)} ${entry.method} ${entry.path} ${entry.status ?? "…"}`);
    head.classList.toggle("bad", entry.status >= 400);
    const parts = [["→ ", entry.body], ["← ", entry.answer], ["Why: ", entry.refusedBy?.why]];
    text(body, parts.map(([mark, it]) => words(it) && mark + words(it)).filter(Boolean).join("\n\n") || "no bodies");
  });
  text($("request-count"), requests.length);
  $("requests-empty").hidden = requests.length > 0;
}

const quoted = (words) => (/^[\w./:@-]+$/.test(words) ? words : `'${words.replaceAll("'", String.raw`'\''`)}'`);

function snippetsFor(session) {
  const key = quoted(apiKey.get() || "YOUR_API_KEY");
  const origin = location.origin;
  const id = session ?? "SESSION_ID";
  const curl = `curl -H "Authorization: Bearer $POCKETPING_API_KEY"`;
  return [
    ["Environment", `export POCKETPING_API_URL=${origin}\nexport POCKETPING_API_KEY=${key}`],
    ["CLI: list and answer", `pocketping sessions list\npocketping messages send ${id} 'Hi, how can I help?'`],
    ["curl: list sessions", `${curl} ${origin}/sessions`],
    ["curl: answer", `${curl} -H 'Content-Type: application/json' \\\n  -d '{"content":"Hi, how can I help?"}' ${origin}/sessions/${id}/messages`],
    ["The real widget, on your page", `<script src="https://YOUR_SITE/pocketping.js"\n  data-endpoint="${origin}${endpointNow()}"></script>`],
  ];
}

export function showSnippets(session) {
  const make = ([name]) => {
    const code = el("pre", { tabindex: "0", "aria-label": name });
    const copy = () => act(() => navigator.clipboard.writeText(code.textContent), `Copied: ${name}.`);
    const button = el("button", { type: "button", class: "small", "aria-label": `Copy ${name}`, on: { click: copy } }, "Copy");
    return el("div", { class: "snippet" }, el("div", { class: "bar" }, el("span", {}, name), button), code);
  };
  sync($("snippets"), snippetsFor(session), ([name]) => name, make, (node, [, words]) => text(node.lastElementChild, words));
}

/** Wires the tools up; `doing` runs an action, shows what went wrong, and looks again. */
export function startTools(doing, isRestored) {
  act = doing;
  $("freeze").addEventListener("click", () => act(() => mock("POST", "/clock/freeze"), "The clock stands."));
  $("run").addEventListener("click", () => act(() => mock("POST", "/clock/run"), "The clock runs."));
  const advance = (by) => act(() => mock("POST", "/clock/advance", { by }), `Advanced by ${by}.`);
  for (const button of document.querySelectorAll("[data-advance]")) {
    button.addEventListener("click", () => advance(button.dataset.advance));
  }
  $("advance-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const by = wordsOf($("advance-by"));
    if (by) advance(by);
  });
  $("snapshot-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = wordsOf($("snapshot-name"));
    if (name && (await act(() => mock("POST", `/snapshots/${encodeURIComponent(name)}`), `${name} is kept.`))) $("snapshot-name").value = "";
  });
  $("reset").addEventListener("click", () => $("reset-ask").showModal());
  $("reset-no").addEventListener("click", () => $("reset-ask").close());
  $("reset-yes").addEventListener("click", async () => {
    $("reset-ask").close();
    if (await act(() => mock("POST", "/reset"), "The server is as it was at its start.")) isRestored();
  });
  for (const [group, faults] of Object.entries(FAULTS)) {
    for (const [words, fault] of faults) {
      const on = () => act(() => mock("POST", "/faults", fault), `Switched on: ${words}.`);
      $(group).append(el("button", { type: "button", class: "small", on: { click: on } }, words));
    }
  }
  $("clear-faults").addEventListener("click", () => act(() => mock("DELETE", "/faults"), "All faults are off."));
  $("key-form").addEventListener("submit", (event) => event.preventDefault());
  $("key").value = apiKey.get();
  $("key").addEventListener("input", () => {
    apiKey.set($("key").value.trim());
    act(async () => {});
  });
}
