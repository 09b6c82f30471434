// Calls of the control surface, `/_mock`, the look at what is new, and what is kept of this tab.

const kept = (name) => ({
  get: () => sessionStorage.getItem(`pocketping.${name}`) ?? "",
  set: (value) => (value ? sessionStorage.setItem(`pocketping.${name}`, value) : sessionStorage.removeItem(`pocketping.${name}`)),
});

export const token = kept("token");
export const apiKey = kept("key");
export const visitor = kept("visitor");
export const visitorSession = kept("session");

/** Whose tables are looked at; empty for the first key's. */
export const chosen = { tenant: "" };

/** A call that was refused or could not be made, in plain words. */
export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

/** Calls the control surface. */
export const mock = (method, path, body) => call(method, `/_mock${path}`, body);

/** Asks for what is new since a mark: of one session its messages, too, unless they are known at that revision. */
export const lookAfter = (mark, { session, has }) =>
  call("GET", `/_page/look?${new URLSearchParams({ after: mark, has, ...(session && { session }) })}`);

/** Whether a call is about the whole server, which has one clock and one list of faults. */
const isOfAll = (method, path) =>
  /^\/_mock\/(clock|faults|barriers|tenants)/.test(path) || (method === "DELETE" && path === "/_mock/journal");

/** Only one tenant's calls say a tenant. */
async function call(method, path, body) {
  const url = new URL(path, location.origin);
  if (chosen.tenant && !isOfAll(method, path)) url.searchParams.set("tenant", chosen.tenant);
  const headers = {};
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return answerOf(() => fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
}

/** Where the widgets of the chosen tenant connect: its first project's. Empty until that was looked up. */
let endpoint = "";
const waiting = [];

export function chooseTenant(tenant) {
  chosen.tenant = tenant;
  endpoint = "";
}

export function projectsAre(projects) {
  endpoint = chosen.tenant ? `/api/widget/${encodeURIComponent(projects[0])}` : "/pocketping";
  waiting.splice(0).forEach((go) => go(endpoint));
}

export const endpointNow = () => endpoint;
export const widgetEndpoint = () => (endpoint ? Promise.resolve(endpoint) : new Promise((go) => waiting.push(go)));

/** Reads an answer as JSON; everything else becomes a sentence. */
export async function answerOf(ask) {
  let answer;
  let words;
  try {
    answer = await ask();
    words = await answer.text();
  } catch {
    throw new Refused(0, "The server does not answer. Is it still running?");
  }
  let body = null;
  try {
    body = JSON.parse(words);
  } catch {
    // A gateway's page, say.
  }
  if (!answer.ok) throw new Refused(answer.status, body?.message ?? body?.error ?? `The server answered ${answer.status}.`);
  return body ?? {};
}
