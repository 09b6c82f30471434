// Calls of the control surface, `/_mock`, and what is kept of this tab.

const kept = (name) => ({
  get: () => sessionStorage.getItem(`pocketping.${name}`) ?? "",
  set: (value) => (value ? sessionStorage.setItem(`pocketping.${name}`, value) : sessionStorage.removeItem(`pocketping.${name}`)),
});

export const token = kept("token");
export const apiKey = kept("key");
export const visitor = kept("visitor");
export const visitorSession = kept("session");

/** Whose tables are looked at; empty for the first key's. */
export const chosen = { tenant: "", endpoint: "/pocketping" };

/** A call that was refused or could not be made, in plain words. */
export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

/** Whether a call is about the whole server, which has one clock and one list of faults. */
const isOfAll = (method, path) => /^\/(clock|faults|barriers|tenants)/.test(path) || (method === "DELETE" && path === "/journal");

/** Calls the control surface. Only one tenant's calls say a tenant. */
export async function mock(method, path, body) {
  const url = new URL(`/_mock${path}`, location.origin);
  if (chosen.tenant && !isOfAll(method, path)) url.searchParams.set("tenant", chosen.tenant);
  const headers = {};
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return answerOf(() => fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
}

/** Where the widgets of the chosen tenant connect: its first project's. */
export function endpointOf(state) {
  const project = chosen.tenant && state.projects[0];
  return project ? `/api/widget/${encodeURIComponent(project.id)}` : "/pocketping";
}

export async function widgetEndpoint() {
  return chosen.tenant ? endpointOf(await mock("GET", "/state")) : "/pocketping";
}

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
