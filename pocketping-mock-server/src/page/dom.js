// Small helpers for the page. Everything that is shown goes through textContent.

export const $ = (id) => document.getElementById(id);

/** Makes an element; children may be texts. */
export function el(tag, options = {}, ...children) {
  const { on, ...rest } = options;
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(rest)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  for (const [event, handler] of Object.entries(on ?? {})) made.addEventListener(event, handler);
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Sets a text only where it is another, so that nothing is announced or selected anew. */
export function text(node, words) {
  const said = String(words ?? "");
  if (node.textContent !== said) node.textContent = said;
}

export function classes(node, names) {
  if (node.className !== names) node.className = names;
}

/**
 * Makes a list show these items: nodes stay as long as their key is there, so that focus and reading position stay.
 * `make(item)` gives a node, `update(node, item)` fills it.
 */
export function sync(list, items, key, make, update) {
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const name = String(key(item));
    let node = known.get(name);
    known.delete(name);
    if (!node) {
      node = make(item);
      node.dataset.key = name;
    }
    update(node, item);
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
  for (const node of known.values()) node.remove();
}

/** The time of day of an ISO time, as the server says it. */
export const clockTime = (iso) => (iso ? iso.slice(11, 19) : "");

/** Shows or takes away a sentence that says what is wrong. */
export function problem(node, words) {
  text(node, words);
  node.hidden = !words;
}

/** Enter sends, Shift+Enter begins a line, and an input method's Enter is its own. */
export function sendsOnEnter(area) {
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    area.form.requestSubmit();
  });
}

/** Keeps a log at its end, unless somebody reads further up. */
export function atEnd(log, change) {
  const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (wasAtEnd) log.scrollTop = log.scrollHeight;
}

const NAMES = { visitor: "Visitor", operator: "Operator", ai: "AI", system: "System" };

/** One message as a list entry; the meta line comes below its words. */
export function messageNode() {
  return el("li", {}, el("p"), el("span", { class: "meta" }));
}

export function fillMessage(node, { who, words, at, marks, isMine, isGone }) {
  classes(node, `message ${who} ${isMine ? "mine" : ""} ${isGone ? "gone" : ""}`.trim());
  text(node.firstElementChild, isGone ? "This message was deleted" : words);
  text(node.lastElementChild, [NAMES[who] ?? who, clockTime(at), ...marks].filter(Boolean).join(" · "));
}

/** How many files a message carries, in words. */
export function filesOf(files) {
  if (!files?.length) return "";
  return files.map((file) => `📎 ${file.filename ?? file.id}`).join(" ");
}
