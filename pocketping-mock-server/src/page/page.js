// The page: looks at the server again and again, and shows what it has.

import { anotherVisitor, resumeChat, startChat } from "./chat.js";
import { chosenSession, follow, isSession, leaveSessions, showSessions, startDesk, wantedConversation } from "./desk.js";
import { $, classes, dayIs, el, problem, showOnly, sync, text } from "./dom.js";
import { chooseTenant, chosen, lookAfter, mock, projectsAre, token } from "./server.js";
import {
  showClock,
  showDeliveries,
  showEvents,
  showFaults,
  showRequests,
  showSnapshots,
  showSnippets,
  startTools,
} from "./tools.js";

const EVERY = 700;
let next = null;
let round = 0;
/** What was shown, in the server's words. */
let mark = "";
let saysDone = null;
let looksBad = false;

function link(words, kind) {
  text($("link"), words);
  classes($("link"), `badge ${kind}`);
}

/** Asks what is new, and shows it. Of several looks at once the last one counts. */
async function look() {
  const mine = (round += 1);
  clearTimeout(next);
  const began = performance.now();
  const wanted = wantedConversation();
  try {
    const news = await lookAfter(mark, wanted);
    if (mine !== round) return;
    mark = news.mark;
    showOnly($("token-form"), false, $("answer-heading"));
    link("live", "good");
    if (looksBad) problem($("problem"), "");
    looksBad = false;
    show(news);
    resumeChat(isSession);
  } catch (error) {
    if (mine !== round) return;
    if (error.status === 401) return wantToken(error.message);
    link(error.status === 0 ? "cut off" : "refused", "bad");
    looksBad = true;
    problem($("problem"), error.message);
  }
  if (mine !== round) return;
  // Another session's messages are asked for at once. A server with much to tell is not kept busy with telling it.
  const isOther = wantedConversation().session !== wanted.session && !looksBad;
  const isStale = isOther || mark === "";
  const pause = Math.max(EVERY, 5 * (performance.now() - began)) * (document.hidden ? 10 : 1);
  next = setTimeout(look, isStale && !looksBad ? 0 : pause);
}

function show(news) {
  showClock(news.clock);
  // On another day all times are written anew.
  if (dayIs(news.clock.now) && !news.whole) mark = "";
  if (news.rest) showRest(news.rest);
  showSessions(news);
  showEvents(news);
  showRequests(news);
  if (news.deliveries) showDeliveries(news.deliveries);
  showSnippets(chosenSession());
}

/** What is small and told whole when any of it is another. */
function showRest({ operatorOnline, projects, snapshots, tenants, faults }) {
  $("online").checked = operatorOnline;
  projectsAre(projects);
  showSnapshots(snapshots);
  showFaults(faults);
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
  leaveSessions();
  chooseTenant($("tenant").value);
  doing(async () => {});
});
$("online").addEventListener("change", async () => {
  const online = $("online").checked;
  if (!(await doing(() => mock("POST", "/operator", { online })))) $("online").checked = !online;
});
startChat(follow);
startDesk(doing);
startTools(doing, () => anotherVisitor());
look();
