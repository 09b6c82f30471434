// The page: looks at the server again and again, and shows what it has.

import { anotherVisitor, resumeChat, startChat } from "./chat.js";
import { chosenSession, follow, showSessions, startDesk } from "./desk.js";
import { $, classes, el, problem, sync, text } from "./dom.js";
import { chosen, endpointOf, mock, token } from "./server.js";
import { lookAtMore, showClock, showDeliveries, showEvents, showSnapshots, showSnippets, startTools } from "./tools.js";

const EVERY = 700;
let next = null;
let round = 0;
let saysDone = null;
let looksBad = false;

function link(words, kind) {
  text($("link"), words);
  classes($("link"), `badge ${kind}`);
}

/** Shows everything as it is now. Of several looks at once the last one shows. */
async function look() {
  const mine = (round += 1);
  clearTimeout(next);
  const began = performance.now();
  try {
    const asked = ["/state", "/events?limit=100", "/deliveries", "/snapshots", "/tenants"].map((path) => mock("GET", path));
    const [state, events, deliveries, snapshots, tenants] = await Promise.all(asked);
    if (mine !== round) return;
    $("token-form").hidden = true;
    link("live", "good");
    if (looksBad) problem($("problem"), "");
    looksBad = false;
    show(state, tenants.tenants);
    showEvents(events.events);
    showDeliveries(deliveries.deliveries);
    showSnapshots(snapshots.snapshots);
    showSnippets(chosenSession());
    await lookAtMore();
    resumeChat((id) => state.sessions.some((session) => session.id === id));
  } catch (error) {
    if (mine !== round) return;
    if (error.status === 401) return wantToken(error.message);
    link(error.status === 0 ? "cut off" : "refused", "bad");
    looksBad = true;
    problem($("problem"), error.message);
  }
  if (mine !== round) return;
  // A server with much to tell is not kept busy with telling it.
  const pause = Math.max(EVERY, 5 * (performance.now() - began)) * (document.hidden ? 10 : 1);
  next = setTimeout(look, pause);
}

function show(state, tenants) {
  showClock(state.clock);
  if (document.activeElement !== $("online")) $("online").checked = state.operatorOnline;
  chosen.endpoint = endpointOf(state);
  showSessions(state);
  const make = (tenant) => el("option", { value: tenant }, tenant || "the first key’s");
  sync($("tenant"), ["", ...tenants], (tenant) => tenant, make, () => {});
  $("tenant").value = chosen.tenant;
}

function wantToken(words) {
  link("guarded", "warn");
  if ($("token-form").hidden) {
    $("token-form").hidden = false;
    $("token").focus();
  }
  if (token.get()) problem($("problem"), words);
}

/** Runs an action; says what went wrong, or what was done, and looks again at once. */
async function doing(action, words) {
  try {
    await action();
    problem($("problem"), "");
    if (words) {
      text($("done"), words);
      clearTimeout(saysDone);
      saysDone = setTimeout(() => text($("done"), ""), 6000);
    }
    return true;
  } catch (error) {
    problem($("problem"), error.message);
    return false;
  } finally {
    look();
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set($("token").value);
  $("token").value = "";
  doing(async () => {});
});
$("tenant").addEventListener("change", () => {
  anotherVisitor();
  chosen.tenant = $("tenant").value;
  doing(async () => {});
});
$("online").addEventListener("change", () => doing(() => mock("POST", "/operator", { online: $("online").checked })));
startChat(follow);
startDesk(doing);
startTools(doing, () => anotherVisitor());
look();
